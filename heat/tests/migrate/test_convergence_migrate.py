# SPDX-License-Identifier: Apache-2.0

"""The rows of a stack after a conversion."""

from unittest import mock

from oslo_context import context as oslo_context

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import events as migrate_events
from heat.objects import event as event_object
from heat.objects import resource as resource_object
from heat.objects import stack as stack_object
from heat.objects import stack_lock
from heat.tests import common
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests import utils


class MigrateTestCase(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.ctx = utils.dummy_context()

    def legacy(self, requirements, **kwargs):
        return migrate_fixtures.create_legacy(
            self.ctx, migrate_fixtures.template_of(requirements), **kwargs)

    def set_values(self, model, row_id, **values):
        with db_api.context_manager.writer.using(self.ctx) as session:
            session.query(model).filter_by(id=row_id).update(values)

    def execute(self, statement, *args):
        """Execute a statement in a transaction of its own."""
        with db_api.context_manager.writer.using(self.ctx) as session:
            session.execute(statement, *args)

    def add(self, row):
        """Store a new row; returns its id."""
        with db_api.context_manager.writer.using(self.ctx) as session:
            session.add(row)
            session.flush()
            return row.id

    def stored_row(self, model, row_id):
        """A row, also of a deleted stack, or None."""
        with db_api.context_manager.reader.using(self.ctx) as session:
            return session.get(model, row_id)

    def locked_by(self, stack):
        """The id of the engine that has the lock of a stack, or None."""
        return stack_lock.StackLock.get_engine_id(self.ctx, stack.id)

    def refused(self, stack, reason, function=None, stack_id=None, **kwargs):
        """Check that a stack is refused and stays; returns the exception.

        :param function: what refuses it; default: a conversion
        :param stack_id: of another stack in the tree that is named instead
        """
        before = self.rows(stack)
        exc = self.assertRaises(
            reason, function or convergence_migrate.convert, self.ctx,
            stack_id or stack.id, **kwargs)
        self.assertEqual(before, self.rows(stack))
        self.assertIsNone(self.locked_by(stack))
        return exc

    def row(self, stack):
        return stack_object.Stack.get_by_id(self.ctx, stack.id)

    def resources(self, stack):
        return resource_object.Resource.get_all_by_stack(self.ctx, stack.id)

    def rows(self, stack):
        return migrate_fixtures.rows(self.ctx, stack.id)

    def events(self, stack):
        return [event for event in event_object.Event.get_all_by_stack(
            self.ctx, stack.id)
            if event.resource_action == migrate_events.ACTION]


class ConvertTest(MigrateTestCase):

    def test_a_legacy_stack_becomes_a_convergence_stack(self):
        stack = self.legacy({'a': []})
        convergence_migrate.convert(self.ctx, stack.id)
        row = self.row(stack)
        self.assertTrue(row.convergence)
        self.assertEqual(36, len(row.current_traversal))
        self.assertEqual(row.raw_template_id,
                         self.resources(stack)['a'].current_template_id)
        # No lock is left.
        self.assertIsNone(self.locked_by(stack))

    def test_every_stack_of_the_tree_gets_a_traversal_of_its_own(self):
        root = self.legacy({'a': []})
        child = self.legacy({'b': []}, name='child', owner_id=root.id)
        convergence_migrate.convert(self.ctx, root.id)
        self.assertTrue(self.row(child).convergence)
        self.assertNotEqual(self.row(root).current_traversal,
                            self.row(child).current_traversal)

    def test_dependencies_are_edges(self):
        for shape, edges in (('empty', []), ('lone', [('a', None)]),
                             ('chain', [('b', 'a'), ('c', 'b')])):
            stack = self.legacy(migrate_fixtures.TEMPLATES[shape], name=shape)
            convergence_migrate.convert(self.ctx, stack.id)
            ids = {name: row.id
                   for name, row in self.resources(stack).items()}
            self.assertCountEqual(
                [[name and [ids[name], True] for name in edge]
                 for edge in edges],
                self.row(stack).current_deps['edges'])

    def test_requires_and_needed_by_are_inverse(self):
        stack = self.legacy(migrate_fixtures.TEMPLATES['diamond'])
        convergence_migrate.convert(self.ctx, stack.id)
        rows = self.resources(stack)
        ids = {name: row.id for name, row in rows.items()}
        self.assertEqual({'a': [], 'b': [ids['a']], 'c': [ids['a']],
                          'd': sorted([ids['b'], ids['c']], reverse=True)},
                         {name: row.requires for name, row in rows.items()})
        self.assertEqual({'a': sorted([ids['b'], ids['c']], reverse=True),
                          'b': [ids['d']], 'c': [ids['d']], 'd': []},
                         {name: row.needed_by for name, row in rows.items()})

    def test_nothing_else_in_the_rows_changes(self):
        stack = self.legacy(migrate_fixtures.TEMPLATES['diamond'])
        before = self.rows(stack)
        convergence_migrate.convert(self.ctx, stack.id)
        changed = {
            table: {column for old, new in zip(before[table], rows)
                    for column in old if old[column] != new[column]}
            for table, rows in self.rows(stack).items()}
        self.assertEqual(
            {'stack': {'convergence', 'current_traversal', 'current_deps'},
             'resource': {'requires', 'needed_by', 'current_template_id'}},
            changed)

    def test_one_event_records_the_conversion(self):
        stack = self.legacy({'a': []})
        convergence_migrate.convert(self.ctx, stack.id, by='in a test')
        event, = self.events(stack)
        self.assertEqual('COMPLETE', event.resource_status)
        self.assertEqual('Converted to convergence in a test: 1 stack, 1 '
                         'resource, 0 dependencies',
                         event.resource_status_reason)

    def test_converting_again_does_nothing(self):
        stack = self.legacy({'a': []})
        convergence_migrate.convert(self.ctx, stack.id)
        before = self.rows(stack)
        plan = convergence_migrate.convert(self.ctx, stack.id)
        self.assertTrue(plan.nothing_to_do)
        self.assertEqual(before, self.rows(stack))
        self.assertEqual(1, len(self.events(stack)))
        self.assertIsNone(self.locked_by(stack))

    def test_a_convergence_stack_in_progress_is_left_alone(self):
        stack = self.legacy({'a': []})
        convergence_migrate.convert(self.ctx, stack.id)
        self.set_values(models.Stack, stack.id, status='IN_PROGRESS')
        self.assertTrue(convergence_migrate.convert(
            self.ctx, stack.id).nothing_to_do)

    def test_a_legacy_stack_below_a_convergence_root_is_converted(self):
        root = self.legacy({'a': []})
        convergence_migrate.convert(self.ctx, root.id)
        before = self.row(root).current_traversal
        child = self.legacy({'b': []}, name='child', owner_id=root.id)
        convergence_migrate.convert(self.ctx, root.id)
        self.assertTrue(self.row(child).convergence)
        self.assertEqual(before, self.row(root).current_traversal)

    def test_log_lines_keep_the_context_of_the_request(self):
        stack = self.legacy({'a': []})
        convergence_migrate.plan(self.ctx, stack.id)
        self.assertIs(self.ctx, oslo_context.get_current())


class RefuseTest(MigrateTestCase):

    def test_a_deleted_stack(self):
        stack = self.legacy({'a': []})
        stack_object.Stack.delete(self.ctx, stack.id)
        self.assertRaises(migrate_exception.StackNotFound,
                          convergence_migrate.convert, self.ctx, stack.id)

    def test_a_nested_stack_names_its_root(self):
        root = self.legacy({'a': []})
        middle = self.legacy({}, name='middle', owner_id=root.id)
        leaf = self.legacy({}, name='leaf', owner_id=middle.id)
        exc = self.refused(root, migrate_exception.NestedStack,
                           stack_id=leaf.id)
        self.assertIn(root.id, str(exc))

    def test_a_state_that_cannot_be_converted(self):
        stack = self.legacy({'a': []})
        for values, reason, text in (
                ({'status': 'IN_PROGRESS'}, migrate_exception.InProgress, ''),
                ({'status': 'FAILED'}, migrate_exception.NotComplete,
                 'CREATE_FAILED'),
                ({'action': 'DELETE'}, migrate_exception.NotComplete, ''),
                ({'action': None}, migrate_exception.NotComplete, '')):
            self.set_values(models.Stack, stack.id, **dict(
                {'action': 'CREATE', 'status': 'COMPLETE'}, **values))
            exc = self.refused(stack, reason)
            self.assertIn(text, str(exc))
            self.assertTrue(exc.transient or
                            reason is not migrate_exception.InProgress)

    def test_a_failed_nested_stack(self):
        root = self.legacy({'a': []})
        child = self.legacy({}, name='child', owner_id=root.id)
        self.set_values(models.Stack, child.id, status='FAILED')
        self.set_values(models.Resource, self.resources(root)['a'].id,
                        physical_resource_id=child.id)
        self.assertIn(child.id, str(self.refused(
            root, migrate_exception.NotComplete)))

    def test_a_resource_in_progress(self):
        stack = self.legacy({'a': []})
        self.set_values(models.Resource, self.resources(stack)['a'].id,
                        status='IN_PROGRESS')
        self.refused(stack, migrate_exception.ResourceInProgress)

    def test_a_template_name_without_a_row(self):
        stack = self.legacy({'a': [], 'b': []})
        resource_object.Resource.delete(self.ctx,
                                        self.resources(stack)['b'].id)
        self.assertIn(': b.', str(self.refused(
            stack, migrate_exception.MissingResources)))


class LockTest(MigrateTestCase):

    def setUp(self):
        super().setUp()
        self.root = self.legacy({'a': []})
        self.child = self.legacy({}, name='child', owner_id=self.root.id)

    def test_a_locked_stack_is_refused_and_keeps_its_lock(self):
        stack_lock.StackLock.create(self.ctx, self.child.id, 'engine-1')
        exc = self.assertRaises(migrate_exception.Locked,
                                convergence_migrate.convert,
                                self.ctx, self.root.id)
        self.assertIn('engine-1', str(exc))
        self.assertEqual('engine-1', self.locked_by(self.child))

    def test_other_locks_of_the_engine_that_converts_stay(self):
        other = self.legacy({}, name='other')
        stack_lock.StackLock.create(self.ctx, other.id, 'engine-1')
        convergence_migrate.convert(self.ctx, self.root.id,
                                    engine_id='engine-1')
        self.assertEqual('engine-1', self.locked_by(other))

    def test_a_lock_taken_after_planning_refuses_the_whole_tree(self):
        plan = convergence_migrate.plan(self.ctx, self.root.id)
        stack_lock.StackLock.create(self.ctx, self.child.id, 'engine-1')
        self.assertRaises(migrate_exception.Locked, convergence_migrate.apply,
                          self.ctx, plan)
        self.assertFalse(self.row(self.root).convergence)
        self.assertIsNone(self.locked_by(self.root))


class ChangedTest(MigrateTestCase):
    """A plan is applied only to the rows that it was made from."""

    def setUp(self):
        super().setUp()
        self.stack = self.legacy({'a': [], 'b': ['a']})
        self.plan = convergence_migrate.plan(self.ctx, self.stack.id)

    def assertRefused(self):
        self.assertRaises(migrate_exception.TreeChanged,
                          convergence_migrate.apply, self.ctx, self.plan)
        self.assertFalse(self.row(self.stack).convergence)
        self.assertEqual([], self.events(self.stack))

    def test_an_update_of_the_stack(self):
        self.set_values(models.Stack, self.stack.id, action='UPDATE')
        self.assertRefused()

    def test_a_new_content_of_its_template(self):
        self.set_values(models.RawTemplate, self.stack.t.id,
                        template=migrate_fixtures.template_of({'b': []}))
        self.assertRefused()

    def test_a_new_physical_id(self):
        self.set_values(models.Resource, self.resources(self.stack)['a'].id,
                        physical_resource_id='other')
        self.assertRefused()

    def test_a_new_nested_stack(self):
        self.legacy({}, name='child', owner_id=self.stack.id)
        self.assertRefused()

    def test_another_conversion(self):
        convergence_migrate.convert(self.ctx, self.stack.id)
        before = self.rows(self.stack)
        self.assertRaises(migrate_exception.TreeChanged,
                          convergence_migrate.apply, self.ctx, self.plan)
        self.assertEqual(before, self.rows(self.stack))

    def test_convert_plans_again_after_another_conversion(self):
        # A stack alone is planned under its lock.
        self.legacy({}, name='child', owner_id=self.stack.id)
        real_apply = convergence_migrate.apply

        def overtaken(*args):
            convergence_migrate.apply = real_apply
            convergence_migrate.convert(self.ctx, self.stack.id)
            real_apply(*args)

        with mock.patch.object(convergence_migrate, 'apply', overtaken):
            plan = convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertTrue(plan.nothing_to_do)
        self.assertEqual(1, len(self.events(self.stack)))
