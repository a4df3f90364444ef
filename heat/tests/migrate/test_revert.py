# SPDX-License-Identifier: Apache-2.0

"""The way back from a conversion."""

from unittest import mock

from heat.common.migrate import exception as migrate_exception
from heat.db.migrate import write as migrate_write
from heat.db import models
from heat.engine import convergence_migrate
from heat.objects import resource as resource_object
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import test_convergence_migrate


class RevertTest(test_convergence_migrate.MigrateTestCase):

    def test_revert_gives_back_the_rows_as_they_were(self):
        stack = self.legacy(migrate_fixtures.TEMPLATES['diamond'])
        before = self.rows(stack)
        convergence_migrate.convert(self.ctx, stack.id)
        convergence_migrate.revert(self.ctx, stack.id)
        for row in before['resource']:
            # Nobody who loaded the resource before may lock it now.
            row['atomic_key'] = 1
        self.assertEqual(before, self.rows(stack))

    def test_a_resource_that_an_engine_locks_meanwhile_is_left_alone(self):
        stack = self.legacy({'a': []})
        convergence_migrate.convert(self.ctx, stack.id)
        plan = convergence_migrate.plan_revert(self.ctx, stack.id)
        self.set_values(models.Resource, self.resources(stack)['a'].id,
                        engine_id='engine-1')
        before = self.rows(stack)
        # The lock came after the transaction read the tree.
        with mock.patch.object(migrate_write.migrate_tree, 'read',
                               return_value=plan.tree):
            self.assertRaises(migrate_exception.TreeChanged,
                              convergence_migrate.apply, self.ctx, plan)
        self.assertEqual(before, self.rows(stack))

    def test_reverting_a_legacy_stack_does_nothing(self):
        stack = self.legacy({'a': []})
        plan = convergence_migrate.revert(self.ctx, stack.id)
        self.assertTrue(plan.nothing_to_do)
        self.assertEqual([], self.events(stack))

    def test_the_legacy_engine_goes_on_with_a_reverted_stack(self):
        stack = self.legacy({'a': []})
        convergence_migrate.convert(self.ctx, stack.id)
        convergence_migrate.revert(self.ctx, stack.id)
        loaded = migrate_fixtures.parser.Stack.load(self.ctx,
                                                    stack_id=stack.id)
        loaded.delete()
        self.assertEqual(('DELETE', 'COMPLETE'), loaded.state)

    def _refused(self, stack, reason):
        before = self.rows(stack)
        exc = self.assertRaises(reason, convergence_migrate.revert, self.ctx,
                                stack.id)
        self.assertEqual(before, self.rows(stack))
        return exc

    def test_a_replaced_resource_is_refused(self):
        stack = self.legacy({'a': []})
        convergence_migrate.convert(self.ctx, stack.id)
        self.set_values(models.Resource, self.resources(stack)['a'].id,
                        replaced_by=7)
        self._refused(stack, migrate_exception.ReplacedResource)

    def test_one_that_takes_the_place_of_another_is_refused(self):
        stack = self.legacy({'a': []})
        convergence_migrate.convert(self.ctx, stack.id)
        self.set_values(models.Resource, self.resources(stack)['a'].id,
                        replaces=7)
        self._refused(stack, migrate_exception.ReplacedResource)

    def test_a_row_that_holds_nothing_is_refused_and_named(self):
        stack = self.legacy({'a': []})
        convergence_migrate.convert(self.ctx, stack.id)
        resource_object.Resource.create(self.ctx, {
            'stack_id': stack.id, 'name': 'left', 'action': 'INIT',
            'status': 'COMPLETE'})
        self.assertIn(': left.', str(self._refused(
            stack, migrate_exception.OrphanResources)))

    def test_a_row_that_the_template_does_not_name_is_refused(self):
        stack = self.legacy({'a': [], 'b': []})
        convergence_migrate.convert(self.ctx, stack.id)
        self.set_values(models.Resource, self.resources(stack)['b'].id,
                        name='c', physical_resource_id=None)
        self.assertRaises(migrate_exception.MigrationRefused,
                          convergence_migrate.revert, self.ctx, stack.id)
        self.assertTrue(self.row(stack).convergence)

    def test_a_traversal_that_begins_meanwhile_wins(self):
        stack = self.legacy({'a': []})
        convergence_migrate.convert(self.ctx, stack.id)
        plan = convergence_migrate.plan_revert(self.ctx, stack.id)
        self.set_values(models.Stack, stack.id, current_traversal='newer')
        self.assertRaises(migrate_exception.TreeChanged,
                          convergence_migrate.apply, self.ctx, plan)
        self.assertTrue(self.row(stack).convergence)
