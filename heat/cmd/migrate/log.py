# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

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
