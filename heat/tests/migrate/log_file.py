# SPDX-License-Identifier: Apache-2.0

"""A log file in the format of oslo.log."""

import logging

import fixtures
from oslo_config import cfg
from oslo_log import formatters
from oslo_log import log


class LogFile(fixtures.Fixture):
    """Write what is logged to a file, in the default format of oslo.log.

    :ivar path: the file
    """

    def _setUp(self):
        self.path = self.useFixture(fixtures.TempDir()).join('heat.log')
        handler = logging.FileHandler(self.path)
        conf = cfg.ConfigOpts()
        log.register_options(conf)
        conf([])
        handler.setFormatter(formatters.ContextFormatter(
            project='heat', config=conf))
        self.addCleanup(handler.close)
        logger = logging.getLogger()
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)

    def lines(self):
        """The lines written so far."""
        with open(self.path) as text:
            return text.read().splitlines()
