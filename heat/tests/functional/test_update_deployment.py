# SPDX-License-Identifier: Apache-2.0

"""A legacy stack converts when it is updated, on a real deployment.

The deployment has two engines, the API under a WSGI server, RabbitMQ and a
database server. A user updates with the ``openstack`` command.
"""

from heat.tests.functional.harness import case
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import processes
from heat.tests.functional.harness import trees
from heat.tests.functional import update_bad_input

TREE = case.template('tree.yaml')
TEMPLATE = ('-t', case.template_path('tree.yaml'))

NEW_VALUE = ('--parameter', 'value=two')
NEW_OUTPUTS = {'first': 'two', 'second': 'two', 'group': ['two', 'two'],
               'nested': 'two'}


class UpdateMixin:
    """Update with a change, and check which engine made it."""

    def _update(self, name, arguments, convergence, events):
        stack_id = self.stack_id(name)
        before = self.tree(stack_id)
        self.assertEqual({False}, before.convergence())

        stack = self.update(name, *arguments)

        after = self.tree(stack_id)
        self.assertEqual({convergence}, after.convergence())
        self.assertEqual(before.physical_ids(), after.physical_ids())
        self.assertEqual(NEW_OUTPUTS, self.outputs(stack))
        self.assertEqual(events, self.migration_events(stack_id))

    def assert_converts(self, name, *arguments):
        self._update(name, arguments, True, ['COMPLETE'])

    def assert_stays_legacy(self, name, *arguments):
        self._update(name, arguments, False, [])


class ConversionMixin(UpdateMixin):
    """The update that converts."""

    legacy_stacks = {name: TREE for name in ('put', 'patch', 'preview')}

    def test_put_converts_the_whole_tree(self):
        self.assert_converts('put', *TEMPLATE, *NEW_VALUE)

    def test_patch_converts_the_whole_tree(self):
        self.assert_converts('patch', '--existing', *NEW_VALUE)

    def test_dry_run_changes_no_row(self):
        stack_id = self.stack_id('preview')
        before = self.tree(stack_id)

        put = self.heat.openstack('stack', 'update', '--dry-run', *TEMPLATE,
                                  *NEW_VALUE, 'preview')
        patch = self.heat.client.stacks.preview_update(
            stack_id, existing=True, parameters={'value': 'two'})

        for changes in (put, patch['resource_changes']):
            # A list, or its text, as the version of the client has it.
            self.assertIn('first', str(changes['updated']))
        self.assertEqual(before, self.tree(stack_id))


class ConvertedStackMixin:
    """Every operation after the update that converted."""

    converted_stacks = {name: TREE for name in (
        'grow', 'scale', 'check', 'suspend', 'delete')}

    def converted(self, name):
        stack_id = self.stack_id(name)
        tree = self.tree(stack_id)
        self.assertEqual({True}, tree.convergence())
        return stack_id, tree

    def assert_kept(self, before, stack_id, new_members=0):
        """Nothing physical was lost or replaced."""
        after = self.tree(stack_id)
        self.assertEqual({True}, after.convergence())
        old, new = before.physical_ids(), after.physical_ids()
        self.assertEqual(old, {key: new.get(key) for key in old})
        self.assertEqual(new_members, len(new) - len(old))

    def idle(self, stack_id):
        tree = self.tree(stack_id)
        return {row['status'] for row in tree.stacks + tree.resources} == {
            'COMPLETE'}

    def test_later_update_grows_the_resource_group(self):
        stack_id, before = self.converted('grow')

        stack = self.update('grow', '--existing', '--parameter', 'members=3')

        self.assert_kept(before, stack_id, new_members=1)
        self.assertEqual(['one'] * 3, self.outputs(stack)['group'])

    def test_scaling_policy_adds_a_member(self):
        stack_id, before = self.converted('scale')

        self.heat.client.resources.signal(stack_id, 'grow')

        processes.wait_until(
            lambda: len(self.tree(stack_id).resources) > len(before.resources)
            and self.idle(stack_id), 'new member of the group')
        self.assert_kept(before, stack_id, new_members=1)

    def test_check_completes(self):
        stack_id, before = self.converted('check')

        self.heat.client.actions.check(stack_id)

        self.heat.wait_for(stack_id, 'CHECK_COMPLETE')
        self.assert_kept(before, stack_id)

    def test_suspend_and_resume_complete(self):
        stack_id, before = self.converted('suspend')

        self.heat.client.actions.suspend(stack_id)
        self.heat.wait_for(stack_id, 'SUSPEND_COMPLETE')
        self.heat.client.actions.resume(stack_id)

        self.heat.wait_for(stack_id, 'RESUME_COMPLETE')
        self.assert_kept(before, stack_id)

    def test_delete_leaves_nothing(self):
        stack_id, before = self.converted('delete')

        self.heat.client.stacks.delete(stack_id)

        self.heat.wait_for(stack_id, 'DELETE_COMPLETE')
        # Heat shows the status first, and then deletes the row.
        processes.wait_until(lambda: not self.tree(stack_id).stacks,
                             'deleted_at of the root stack')
        for stack in before.stacks:
            self.assertEqual(trees.Tree([], []), self.tree(stack['id']))


class _Update(ConversionMixin, ConvertedStackMixin,
              update_bad_input.BadInputMixin):
    """All tests on one deployment; a subclass adds the database."""

    legacy_stacks = dict(ConversionMixin.legacy_stacks,
                         **update_bad_input.BadInputMixin.legacy_stacks)


class MySQLUpdateTest(_Update, case.DeploymentTestCase):
    backend = databases.MYSQL


class PostgreSQLUpdateTest(_Update, case.DeploymentTestCase):
    backend = databases.POSTGRESQL


class MutableOptionsTest(UpdateMixin, case.DeploymentTestCase):
    """An engine uses the new options after a SIGHUP."""

    backend = databases.POSTGRESQL
    conf = {'convergence_engine': True, 'migrate_on_update': False}
    legacy_stacks = {'stack': TREE}

    def test_flag_and_projects_decide_what_converts(self):
        self.assert_stays_legacy('stack', *TEMPLATE, *NEW_VALUE)

        self.heat.sighup(migrate_on_update=True,
                         migrate_on_update_projects='another,and-another')
        self.assert_stays_legacy('stack', '--existing')

        self.heat.sighup(migrate_on_update_projects='another,admin')
        self.assert_converts('stack', '--existing')


class NoConvergenceEngineTest(UpdateMixin, case.DeploymentTestCase):
    """With convergence_engine off, converted parents got legacy children."""

    backend = databases.POSTGRESQL
    engines = 1
    legacy_conf = {'migrate_on_update': True}
    conf = None
    legacy_stacks = {'stack': TREE}

    def test_nothing_converts_and_the_engine_says_so_once(self):
        self.assert_stays_legacy('stack', '--existing', *NEW_VALUE)

        log = self.heat.engines[0].log()
        self.assertEqual(1, log.count('migrate_on_update does nothing'), log)
