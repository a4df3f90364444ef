# SPDX-License-Identifier: Apache-2.0

"""Set up the log of a command, which never goes to standard output."""

import logging as std_logging
import sys

from oslo_config import cfg
from oslo_log import log as logging

CONF = cfg.CONF

# Which types are renamed, deprecated or hidden, and how alembic connects to
# the database: some 40 lines that say nothing of the run.
_AT_EACH_START = ('heat.engine.environment', 'alembic')


def log_elsewhere_than_stdout():
    """Log as heat.conf says, but never to standard output.

    Heat's main sets the log up before it has read heat.conf, so the whole log
    goes to standard output. If heat.conf names no log, only errors are shown,
    on standard error: the report has the rest.
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
        for name in _AT_EACH_START:
            std_logging.getLogger(name).setLevel(std_logging.ERROR)
