# SPDX-License-Identifier: Apache-2.0

"""An engine starts."""

from unittest import mock

import fixtures
from oslo_config import cfg

from heat.db.migrate import roots as migrate_roots
from heat.engine import service
from heat.tests.migrate import statements
from heat.tests.migrate import test_hook


class StartTest(test_hook.HookTestCase):

    def start(self):
        log = self.useFixture(fixtures.FakeLogger('heat.engine.service'))
        with mock.patch.object(service.EngineService.__base__, 'start'):
            self.engine.start()
        return log.output

    def test_the_flag_without_convergence_engine_is_a_warning(self):
        for engine, warns in ((False, True), (True, False)):
            cfg.CONF.set_override('convergence_engine', engine)
            self.assertEqual(warns, 'migrate_on_update does nothing' in
                             self.start())

    def test_one_line_has_the_versions_and_what_is_left(self):
        self.legacy({}, name='another')
        self.assertRegex(self.start(), '(?m)^heat-convergence-migrate .* on '
                         'Heat [0-9.]+.*; legacy root stacks left: 2$')

    def test_what_is_loaded_is_frozen_before_the_workers_fork(self):
        # They fork after the service is made, and start it.
        self.freeze.assert_called_once_with()
        self.start()
        self.freeze.assert_called_once_with()

    def test_without_the_flag_an_engine_starts_as_heats_own(self):
        cfg.CONF.set_override('migrate_on_update', False)
        self.freeze.reset_mock()
        service.EngineService('host', 'topic')
        with statements.Statements() as sent:
            self.assertEqual('', self.start())
        self.assertEqual([], sent.texts)
        self.freeze.assert_not_called()

    def test_a_count_that_fails_does_not_keep_the_engine_from_starting(self):
        with mock.patch.object(migrate_roots, 'count_roots',
                               side_effect=ZeroDivisionError):
            self.assertIn('Cannot count', self.start())
