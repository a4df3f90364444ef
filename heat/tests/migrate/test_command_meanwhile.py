# SPDX-License-Identifier: Apache-2.0

"""What migrate-convergence-1 says of engines that run meanwhile."""

from oslo_config import cfg

from heat.objects import service as service_object
from heat.tests.migrate import command_case as case


class EnginesMeanwhileTest(case.CommandTestCase):

    def setUp(self):
        super().setUp()
        self.stack_id = self.legacy()

    def errors(self):
        status, _out, err = self.run_command('migrate-convergence-1',
                                             self.stack_id)
        self.assertEqual(0, status)
        return err

    def engine(self):
        service = service_object.Service.create(self.ctx, {
            'host': 'host-1', 'hostname': 'host-1', 'binary': 'heat-engine',
            'engine_id': 'engine-1', 'topic': 'engine',
            'report_interval': 60})
        service_object.Service.update_by_id(self.ctx, service.id, {})

    def test_engines_without_the_flag_are_warned_of(self):
        self.engine()
        self.assertIn('Engines are running (host-1)', self.errors())

    def test_engines_with_the_flag_are_not(self):
        self.engine()
        cfg.CONF.set_override('migrate_on_update', True)
        self.assertNotIn('Engines are running', self.errors())

    def test_without_engines_there_is_nothing_to_say(self):
        self.assertNotIn('Engines are running', self.errors())
