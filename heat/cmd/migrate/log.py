# SPDX-License-Identifier: Apache-2.0

"""Where a command logs to: never to standard output."""

import logging as std_logging
import sys

from oslo_config import cfg
from oslo_log import log as logging

CONF = cfg.CONF


def log_elsewhere_than_stdout():
    """Log to where heat.conf says, and never to standard output.

    Heat's main sets the log up before it has read heat.conf, so that all of
    it goes to standard output. Without a place to log to, only errors are
    shown, on standard error: the report tells the rest.
    """
    try:
        logging.setup(CONF, 'heat-manage')
    except (OSError, logging.LogConfigError) as exc:
        print('No log is written: %s' % exc, file=sys.stderr)
        for option in ('log_config_append', 'log_file', 'log_dir'):
            CONF.set_override(option, None)
        logging.setup(CONF, 'heat-manage')
    for handler in std_logging.getLogger().handlers:
        if getattr(handler, 'stream', None) is sys.stdout:
            handler.setStream(sys.stderr)
            handler.setLevel(std_logging.ERROR)
    if not CONF.debug:
        # Heat tells each time which types its global environment renames.
        std_logging.getLogger('heat.engine.environment').setLevel(
            std_logging.WARNING)
