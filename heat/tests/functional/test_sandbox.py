# SPDX-License-Identifier: Apache-2.0

"""heat-sandbox, as a user runs it."""

import os
import signal

import fixtures
import testtools

from heat.db import models
from heat.tests.functional.harness import case
from heat.tests.functional.harness import processes
from heat.tests.functional.harness import sandbox_fixture

TREE = case.template('tree.yaml')
EMPTY = {'template': {'heat_template_version': '2018-08-31'}}
SLOW = {'template': {
    'heat_template_version': '2018-08-31',
    'resources': {'slow': {'type': 'OS::Heat::TestResource',
                           'properties': {'wait_secs': 600}}}}}


def convergence(heat):
    """The values of the ``convergence`` column of all live stacks."""
    return {row['convergence']
            for row in heat.database.rows(models.Stack, deleted_at=None)}


def resources(heat, stack):
    return heat.openstack('stack', 'resource', 'list', '-n', '5', stack)


class RunningTest(testtools.TestCase):
    """The tests share one sandbox."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.heat = sandbox_fixture.Sandbox()
        cls.heat.setUp()
        cls.addClassCleanup(cls.heat.cleanUp)

    def log(self):
        with open(os.path.join(self.heat.data_dir, 'heat.log')) as log:
            return log.read()

    def test_prints_what_the_client_needs(self):
        lines = self.heat.process.log().splitlines()

        self.assertIn('export OS_AUTH_TYPE=none', lines)
        self.assertIn('export OS_ENDPOINT=%s' % self.heat.endpoint, lines)

    def test_says_that_it_has_no_authentication(self):
        self.assertIn('has no authentication', self.heat.process.log())

    def test_client_creates_and_deletes_a_tree(self):
        self.heat.openstack('stack', 'create', '--wait', '-t',
                            case.template_path('tree.yaml'), 'created')

        created = self.heat.wait_for('created', 'CREATE_COMPLETE')
        self.assertEqual({True}, convergence(self.heat))

        self.heat.client.stacks.delete('created')
        self.heat.wait_for(created.id, 'DELETE_COMPLETE')

    def test_many_stacks_at_once(self):
        names = ['many-%d' % number for number in range(8)]
        for name in names:
            self.heat.client.stacks.create(stack_name=name, **TREE)

        for name in names:
            self.heat.wait_for(name, 'CREATE_COMPLETE')
        self.assertNotIn('database is locked', self.log())

    def test_signal_scales_a_group_without_keystone(self):
        self.heat.client.stacks.create(stack_name='scaled', **TREE)
        self.heat.wait_for('scaled', 'CREATE_COMPLETE')
        group = self.heat.client.resources.get(
            'scaled', 'scaled').physical_resource_id
        self.assertEqual(2, len(self.heat.client.resources.list(group)))

        self.heat.client.resources.signal('scaled', 'grow')

        # The request is answered before the group changes.
        processes.wait_until(
            lambda: len(self.heat.client.resources.list(group)) == 3,
            'third member')
        self.heat.wait_for(group, 'UPDATE_COMPLETE')

    def test_project_sees_its_own_stacks_only(self):
        self.heat.client.stacks.create(stack_name='ours', **EMPTY)

        self.assertIn('ours', [
            stack.stack_name for stack in self.heat.client.stacks.list()])
        self.assertEqual(
            [], list(self.heat.client_of('other').stacks.list()))

    def test_heat_manage_works_beside_it(self):
        listed = self.heat.heat_manage('service', 'list')

        self.assertEqual(0, listed.returncode, listed.stderr)
        self.assertRegex(listed.stdout, r'heat-engine .* sandbox .* up ')

    def test_sighup_takes_up_a_mutable_option(self):
        self.assertNotIn(' DEBUG ', self.log())
        self.addCleanup(self.heat.sighup, debug=False)

        self.heat.sighup(debug=True)

        self.heat.client.stacks.create(stack_name='loud', **EMPTY)
        self.assertIn(' DEBUG ', self.log())

    def test_second_sandbox_on_the_same_data_is_refused(self):
        second = self.useFixture(sandbox_fixture.SandboxProcess(
            'second', self.heat.arguments(), self.heat.folder))

        self.assertEqual(2, second.wait(), second.log())
        self.assertIn('another sandbox is using', second.log())


class RestartTest(testtools.TestCase):

    def test_stacks_are_there_and_convert_after_a_restart(self):
        heat = self.useFixture(sandbox_fixture.Sandbox(engine='legacy'))
        heat.client.stacks.create(stack_name='kept', **TREE)
        heat.wait_for('kept', 'CREATE_COMPLETE')
        self.assertEqual({False}, convergence(heat))
        before = resources(heat, 'kept')

        heat.restart(engine='convergence', migrate_on_update=True)

        self.assertEqual({False}, convergence(heat))
        self.assertEqual(before, resources(heat, 'kept'))
        heat.openstack('stack', 'update', '--wait', '--existing', 'kept')
        self.assertEqual({True}, convergence(heat))


class StopTest(testtools.TestCase):

    def assert_clean_exit(self, number):
        heat = self.useFixture(sandbox_fixture.Sandbox())

        self.assertEqual(0, heat.stop(number), heat.process.log())

        self.assertIn('heat-sandbox: stopped', heat.process.log())
        # The engine has deleted its service row, which would count as dead.
        self.assertEqual([], heat.database.rows(models.Service,
                                                deleted_at=None))

    def test_sigterm_is_a_clean_exit(self):
        self.assert_clean_exit(signal.SIGTERM)

    def test_ctrl_c_is_a_clean_exit(self):
        self.assert_clean_exit(signal.SIGINT)

    def test_second_ctrl_c_leaves_a_failed_stack_behind(self):
        heat = self.useFixture(sandbox_fixture.Sandbox(engine='legacy'))
        heat.client.stacks.create(stack_name='slow', **SLOW)
        heat.process.signal(signal.SIGINT)
        heat.process.wait_until(lambda: 'stopping' in heat.process.log(),
                                'answer to the first Ctrl-C')

        self.assertEqual(1, heat.stop(signal.SIGINT), heat.process.log())

        heat.start()
        heat.wait_for('slow', 'CREATE_FAILED')


class RefusalTest(testtools.TestCase):
    """Wrong options end with status 2, before anything listens."""

    def test_refused(self):
        for arguments, reason in (
                (['--host', '0.0.0.0'], '--i-know-there-is-no-authentication'),
                (['--data-dir', '/dev/null/data'], '/dev/null/data'),
                (['--port', '70000'], '70000'),
                (['--data-dir', 'data', '--config-file', 'absent.conf'],
                 'absent.conf')):
            folder = self.useFixture(fixtures.TempDir()).path
            process = self.useFixture(sandbox_fixture.SandboxProcess(
                'refused', arguments, folder))
            self.assertEqual(2, process.wait(), process.log())
            self.assertIn(reason, process.log())
