# SPDX-License-Identifier: Apache-2.0

"""A revert makes converted stacks legacy again."""

from unittest import mock

from heat.common.migrate import exception as migrate_exception
from heat.db.migrate import write as migrate_write
from heat.db import models
from heat.engine import convergence_migrate
from heat.objects import resource as resource_object
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import test_convergence_migrate


class RevertTest(test_convergence_migrate.MigrateTestCase):

    def converted(self, requirements=None):
        stack = self.legacy(requirements or {'a': []})
        convergence_migrate.convert(self.ctx, stack.id)
        return stack

    def test_revert_gives_back_the_rows_as_they_were(self):
        stack = self.legacy(migrate_fixtures.TEMPLATES['diamond'])
        before = self.rows(stack)
        convergence_migrate.convert(self.ctx, stack.id)
        convergence_migrate.revert(self.ctx, stack.id)
        for row in before['resource']:
            # A worker that loaded the resource before must not lock it now.
            row['atomic_key'] = 1
        self.assertEqual(before, self.rows(stack))

    def test_a_resource_that_an_engine_locks_meanwhile_is_left_alone(self):
        stack = self.converted()
        plan = convergence_migrate.plan_revert(self.ctx, stack.id)
        self.set_values(models.Resource, self.resources(stack)['a'].id,
                        engine_id='engine-1')
        before = self.rows(stack)
        # The lock came after the transaction read the tree.
        with mock.patch.object(migrate_write.migrate_tree, 'read_many',
                               return_value=({stack.id: plan.tree}, {})):
            self.assertRaises(migrate_exception.TreeChanged,
                              convergence_migrate.apply, self.ctx, plan)
        self.assertEqual(before, self.rows(stack))

    def test_reverting_a_legacy_stack_does_nothing(self):
        stack = self.legacy({'a': []})
        plan = convergence_migrate.revert(self.ctx, stack.id)
        self.assertTrue(plan.nothing_to_do)
        self.assertEqual([], self.events(stack))

    def test_the_legacy_engine_goes_on_with_a_reverted_stack(self):
        stack = self.converted()
        convergence_migrate.revert(self.ctx, stack.id)
        loaded = migrate_fixtures.parser.Stack.load(self.ctx,
                                                    stack_id=stack.id)
        loaded.delete()
        self.assertEqual(('DELETE', 'COMPLETE'), loaded.state)

    def test_a_resource_in_a_replacement_is_refused(self):
        stack = self.converted()
        for replaced_by, replaces in ((7, None), (None, 7)):
            self.set_values(models.Resource, self.resources(stack)['a'].id,
                            replaced_by=replaced_by, replaces=replaces)
            self.refused(stack, migrate_exception.ReplacedResource,
                         convergence_migrate.revert)

    def test_rows_that_hold_nothing_are_deleted_and_named(self):
        # An engine may die before it deletes the row of what it has deleted.
        stack = self.converted()
        for name, values in (('never', {'action': 'INIT'}),
                             ('gone', {'action': 'DELETE',
                                       'physical_resource_id': 'gone-1'})):
            resource_object.Resource.create(self.ctx, dict(
                values, stack_id=stack.id, name=name, status='COMPLETE'))
        plan = convergence_migrate.revert(self.ctx, stack.id)
        self.assertEqual(('gone', 'never'), plan.dropped)
        self.assertEqual({'a'}, set(self.resources(stack)))
        self.assertFalse(self.row(stack).convergence)

    def test_the_remedy_of_a_row_that_the_template_does_not_name(self):
        stack = self.converted()
        resource_object.Resource.create(self.ctx, {
            'stack_id': stack.id, 'name': 'left', 'action': 'UPDATE',
            'status': 'COMPLETE', 'physical_resource_id': 'left-1'})
        self.assertIn('left (left-1)', str(self.refused(
            stack, migrate_exception.OrphanResources,
            convergence_migrate.revert)))
        self.set_values(models.Resource, self.resources(stack)['left'].id,
                        action='DELETE')
        convergence_migrate.revert(self.ctx, stack.id)
        self.assertEqual({'a'}, set(self.resources(stack)))

    def test_a_row_that_the_template_does_not_name_is_refused(self):
        stack = self.converted({'a': [], 'b': []})
        self.set_values(models.Resource, self.resources(stack)['b'].id,
                        name='c', physical_resource_id=None)
        self.refused(stack, migrate_exception.MigrationRefused,
                     convergence_migrate.revert)

    def test_a_traversal_that_begins_meanwhile_wins(self):
        stack = self.converted()
        plan = convergence_migrate.plan_revert(self.ctx, stack.id)
        self.set_values(models.Stack, stack.id, current_traversal='newer')
        self.assertRaises(migrate_exception.TreeChanged,
                          convergence_migrate.apply, self.ctx, plan)
        self.assertTrue(self.row(stack).convergence)
