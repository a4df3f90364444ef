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

"""A legacy stack converts when it is updated, on a real deployment.

Two engines, the API under a WSGI server, RabbitMQ and a database server; the
updates are those of a user at the ``openstack`` command.
"""

from heat.tests.functional import case
from heat.tests.functional import databases
from heat.tests.functional import processes

TREE = case.template('tree.yaml')
TEMPLATE = ('-t', case.template_path('tree.yaml'))

NEW_VALUE = ('--parameter', 'value=two')
NEW_OUTPUTS = {'first': 'two', 'second': 'two', 'group': ['two', 'two'],
               'nested': 'two'}


class ConversionTests:

    legacy_stacks = {name: TREE for name in (
        'put', 'patch', 'preview', 'flag', 'canary')}

    def assert_converts(self, name, *arguments):
        stack_id = self.stack_id(name)
        before = self.tree(stack_id)
        self.assertEqual({False}, before.convergence())

        stack = self.update(name, *arguments)

        after = self.tree(stack_id)
        self.assertEqual({True}, after.convergence())
        self.assertEqual(before.physical_ids(), after.physical_ids())
        self.assertEqual(NEW_OUTPUTS, self.outputs(stack))
        self.assertEqual(['MIGRATE_COMPLETE'], self.migration_events(name))

    def assert_stays_legacy(self, name, *arguments):
        stack_id = self.stack_id(name)
        before = self.tree(stack_id)

        stack = self.update(name, *arguments)

        after = self.tree(stack_id)
        self.assertEqual({False}, after.convergence())
        self.assertEqual(before.physical_ids(), after.physical_ids())
        self.assertEqual(NEW_OUTPUTS, self.outputs(stack))
        self.assertEqual([], self.migration_events(name))

    def change_mutable_options(self, **conf):
        usual = {'migrate_on_update': True, 'migrate_on_update_projects': ''}
        self.addCleanup(self.heat.sighup, **usual)
        self.heat.sighup(**conf)

    def test_put_converts_the_whole_tree(self):
        self.assert_converts('put', *TEMPLATE, *NEW_VALUE)

    def test_patch_converts_the_whole_tree(self):
        self.assert_converts('patch', '--existing', *NEW_VALUE)

    def test_dry_run_changes_no_row(self):
        stack_id = self.stack_id('preview')
        before = self.tree(stack_id)

        for arguments in (TEMPLATE, ('--existing',)):
            changes = self.heat.openstack(
                'stack', 'update', '--dry-run', *arguments, *NEW_VALUE,
                'preview')
            self.assertIn('first', [resource['resource_name'] for resource
                                    in changes['updated']])

        self.assertEqual(before, self.tree(stack_id))

    def test_nothing_converts_until_the_flag_is_on(self):
        self.change_mutable_options(migrate_on_update=False)
        self.assert_stays_legacy('flag', *TEMPLATE, *NEW_VALUE)

        self.heat.sighup(migrate_on_update=True)
        self.assert_converts('flag', '--existing')

    def test_only_stacks_of_the_listed_projects_convert(self):
        self.change_mutable_options(migrate_on_update_projects='other')
        self.assert_stays_legacy('canary', '--existing', *NEW_VALUE)

        self.heat.sighup(migrate_on_update_projects='other,admin')
        self.assert_converts('canary', '--existing')


class MySQLConversionTest(ConversionTests, case.DeploymentTestCase):
    backend = databases.MYSQL


class PostgreSQLConversionTest(ConversionTests, case.DeploymentTestCase):
    backend = databases.POSTGRESQL


class ConvertedStackTests:
    """Every operation after the update that converted the stack."""

    legacy_stacks = {name: TREE for name in (
        'grow', 'scale', 'check', 'suspend', 'delete')}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.missing is None:
            for name in cls.legacy_stacks:
                cls.heat.client.stacks.update(name, existing=True)
            for name in cls.legacy_stacks:
                cls.heat.wait_for(name, 'UPDATE_COMPLETE')

    def converted(self, name):
        stack_id = self.stack_id(name)
        tree = self.tree(stack_id)
        self.assertEqual({True}, tree.convergence())
        return stack_id, tree

    def assert_kept(self, before, after):
        """Nothing physical was lost or replaced."""
        kept = after.physical_ids()
        for resource, physical_id in before.physical_ids().items():
            self.assertEqual(physical_id, kept[resource])
        self.assertEqual({True}, after.convergence())

    def act(self, action, name):
        self.heat.openstack('stack', action, name)
        self.heat.wait_for(name, '%s_COMPLETE' % action.upper())

    def test_later_update_grows_the_resource_group(self):
        stack_id, before = self.converted('grow')

        stack = self.update('grow', '--existing', '--parameter', 'members=3')

        after = self.tree(stack_id)
        self.assert_kept(before, after)
        self.assertEqual(len(before.resources) + 1, len(after.resources))
        self.assertEqual(['one'] * 3, self.outputs(stack)['group'])

    def test_scaling_policy_adds_a_member(self):
        stack_id, before = self.converted('scale')

        self.heat.run_openstack('stack', 'resource', 'signal', 'scale',
                                'grow')

        processes.wait_until(
            lambda: len(self.tree(stack_id).resources) ==
            len(before.resources) + 1 and self.idle(stack_id),
            'new member of the group')
        self.assert_kept(before, self.tree(stack_id))

    def idle(self, stack_id):
        tree = self.tree(stack_id)
        return {row['status'] for row in tree.stacks + tree.resources} == {
            'COMPLETE'}

    def test_check_completes(self):
        stack_id, before = self.converted('check')

        self.act('check', 'check')

        self.assert_kept(before, self.tree(stack_id))

    def test_suspend_and_resume_complete(self):
        stack_id, before = self.converted('suspend')

        self.act('suspend', 'suspend')
        self.act('resume', 'suspend')

        self.assert_kept(before, self.tree(stack_id))

    def test_delete_leaves_nothing(self):
        stack_id, before = self.converted('delete')

        self.heat.run_openstack('stack', 'delete', '--yes', 'delete')
        self.heat.wait_for(stack_id, 'DELETE_COMPLETE')

        for stack in before.stacks:
            after = self.tree(stack['id'])
            self.assertEqual([], after.stacks)
            self.assertEqual([], after.resources)


class MySQLConvertedStackTest(ConvertedStackTests, case.DeploymentTestCase):
    backend = databases.MYSQL


class PostgreSQLConvertedStackTest(ConvertedStackTests,
                                   case.DeploymentTestCase):
    backend = databases.POSTGRESQL
