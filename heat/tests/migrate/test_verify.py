# SPDX-License-Identifier: Apache-2.0

"""What is found in the rows of a convergence stack, and filled in."""

from unittest import mock

import fixtures
from oslo_utils import uuidutils
import sqlalchemy

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db.migrate import tree as migrate_tree
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import graph as migrate_graph
from heat.engine.migrate import verify as migrate_verify
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import test_convergence_migrate


class VerifyTestCase(test_convergence_migrate.MigrateTestCase):

    def setUp(self):
        super().setUp()
        self.stack = self.legacy(migrate_fixtures.TEMPLATES['chain'])
        convergence_migrate.convert(self.ctx, self.stack.id)
        self.right = self.rows(self.stack)

    def found(self):
        """What is found, without the name of the stack before it."""
        findings, _plan = convergence_migrate.verify(self.ctx, self.stack.id)
        return [finding.text for finding in findings]

    def ids(self):
        return {name: row.id
                for name, row in self.resources(self.stack).items()}

    def set_resource(self, resource, **values):
        self.set_values(models.Resource, self.ids()[resource], **values)

    def set_deps(self, *edges):
        """Store edges, given as pairs of names; '-' is a clean-up."""
        ids = self.ids()

        def node(name):
            return name and [ids.get(name.strip('-'), 999),
                             not name.endswith('-')]
        self.set_values(models.Stack, self.stack.id, current_deps={
            'edges': [[node(requirer), node(required)]
                      for requirer, required in edges]})

    def deps(self):
        names = {row_id: name for name, row_id in self.ids().items()}
        return sorted((
            (names.get(requirer[0]), required and names.get(required[0]))
            for requirer, required in self.row(self.stack).current_deps[
                'edges']), key=str)

    def repair(self):
        plan = convergence_migrate.repair(self.ctx, self.stack.id)
        self.assertEqual([], self.found())
        return plan

    def assertRepaired(self):
        self.repair()
        self.assertEqual(self.right, self.rows(self.stack))


CHAIN = (('b', 'a'), ('c', 'b'))
# What an update adds: each row is to be cleaned up after it is updated.
CLEANUP = (('a-', 'a'), ('b-', 'b'), ('c-', 'c'), ('a-', 'b-'), ('b-', 'c-'))


class HealthyTest(VerifyTestCase):
    """What Heat leaves, or what it does not read, is no finding."""

    def assertHealthy(self):
        before = self.rows(self.stack)
        self.assertEqual([], self.found())
        self.assertTrue(self.repair().nothing_to_do)
        self.assertEqual(before, self.rows(self.stack))

    def test_a_converted_stack(self):
        self.assertHealthy()

    def test_an_empty_needed_by(self):
        self.set_resource('a', needed_by=[])
        self.assertHealthy()

    def test_a_node_that_is_not_known_any_more(self):
        # b has been replaced.
        self.set_deps(('x', 'a'), ('c', 'x'), *CLEANUP[:1])
        self.assertHealthy()

    def test_a_resource_that_replaces_another(self):
        self.set_deps(('c', 'a'), *CLEANUP[:1])
        self.set_resource('b', replaces=self.ids()['a'])
        self.assertHealthy()

    def test_an_id_that_is_not_known_any_more(self):
        self.set_resource('b', requires=[999])
        self.assertHealthy()

    def test_an_id_too_many(self):
        self.set_resource('c', requires=sorted(
            [self.ids()['a'], self.ids()['b'], 999], reverse=True))
        self.assertHealthy()

    def test_an_edge_too_many(self):
        self.set_deps(('c', 'a'), *CHAIN)
        self.assertHealthy()

    def test_a_missing_edge_after_an_update(self):
        self.set_deps(('a', None), ('b', None), ('c', 'b'), *CLEANUP)
        self.set_resource('b', requires=[])
        self.assertHealthy()

    def test_an_older_template(self):
        self.set_resource('b', current_template_id=self.row(
            self.stack).raw_template_id - 1, requires=[])
        self.assertHealthy()

    def test_a_resource_that_was_not_created(self):
        self.set_resource('b', action='INIT', requires=[])
        self.assertHealthy()

    def test_a_resource_that_is_to_go(self):
        self.set_resource('b', replaced_by=999, requires=[])
        self.assertHealthy()

    def test_a_resource_that_the_template_does_not_name(self):
        self.set_resource('c', name='x')
        self.assertHealthy()

    def test_the_empty_traversal_after_a_failure(self):
        self.set_values(models.Stack, self.stack.id, current_traversal='')
        self.assertHealthy()


class FoundTest(VerifyTestCase):
    """What is found, and filled in."""

    def test_a_missing_graph(self):
        self.set_values(models.Stack, self.stack.id, current_deps=None)
        self.assertEqual(['current_deps: not stored'], self.found())
        self.assertRepaired()

    def test_a_missing_traversal(self):
        self.set_values(models.Stack, self.stack.id, current_traversal=None)
        self.assertEqual(['current_traversal: not stored'], self.found())
        self.repair()
        self.assertEqual(36, len(self.row(self.stack).current_traversal))

    def test_a_missing_template(self):
        self.set_resource('b', current_template_id=None)
        self.assertEqual(['current_template_id of b: not stored'],
                         self.found())
        self.assertRepaired()

    def test_missing_requires(self):
        self.set_resource('b', requires=[])
        self.assertEqual(['b requires a: not stored'], self.found())
        self.assertRepaired()

    def test_missing_requires_of_a_resource_that_no_update_has_reached(self):
        self.set_deps(*CHAIN, *CLEANUP)
        self.set_resource('b', requires=[], current_template_id=None)
        self.assertEqual(['current_template_id of b: not stored',
                          'b requires a: not stored'], self.found())
        self.repair()

    def test_an_id_that_is_there_stays(self):
        ids = self.ids()
        self.set_resource('b', requires=[ids['b'] + 900])
        self.set_resource('c', requires=[ids['a']])
        self.assertEqual(['c requires b: not stored'], self.found())
        self.repair()
        self.assertEqual(sorted([ids['a'], ids['b']], reverse=True),
                         self.resources(self.stack)['c'].requires)

    def test_a_missing_edge(self):
        self.set_deps(('b', 'a'), ('c', None))
        self.assertEqual(['c requires b: not stored in current_deps'],
                         self.found())
        self.repair()
        self.assertEqual([('b', 'a'), ('c', 'b'), ('c', None)], self.deps())

    def test_a_missing_node_that_nothing_depends_on(self):
        self.set_deps(*CHAIN[:1], *CLEANUP[:2])
        self.assertEqual(['c: not stored in current_deps'], self.found())
        self.repair()
        self.assertIn(('c', 'b'), self.deps())

    def test_more_missing_nodes_than_unknown_ones(self):
        self.set_deps(('x', 'a'), *CLEANUP[:1])
        self.assertEqual(['b: not stored in current_deps',
                          'c: not stored in current_deps'], self.found())
        self.repair()

    def test_what_heat_leaves_of_a_conversion_that_was_interrupted(self):
        self.set_values(models.Stack, self.stack.id, current_deps=None)
        for name in self.ids():
            self.set_resource(name, requires=[], needed_by=[],
                              current_template_id=None)
        self.assertEqual(6, len(self.found()))
        self.repair()
        self.assertEqual(sorted(CHAIN), self.deps())
        self.assertEqual([self.ids()['b']],
                         self.resources(self.stack)['c'].requires)

    def test_a_resource_in_no_template(self):
        self.set_resource('c', name='x', current_template_id=None)
        self.assertRaises(migrate_exception.OrphanResources, self.found)

    def test_verifying_writes_nothing(self):
        self.set_values(models.Stack, self.stack.id, current_deps=None)
        before = self.rows(self.stack)
        self.found()
        self.assertEqual(before, self.rows(self.stack))

    def test_the_words_name_the_stack(self):
        self.set_resource('b', requires=[])
        finding, = convergence_migrate.verify(self.ctx, self.stack.id)[0]
        self.assertEqual('legacy (%s): b requires a: not stored'
                         % self.stack.id, str(finding))

    def test_only_stacks_that_lack_something_are_repaired(self):
        child = self.legacy({'d': []}, name='child', owner_id=self.stack.id)
        convergence_migrate.convert(self.ctx, self.stack.id)
        self.set_values(models.Stack, child.id, current_deps=None)
        plan = self.repair()
        self.assertEqual([child.id], [stack.id for stack in plan.changed])

    def test_the_previous_template_stays(self):
        self.set_values(models.Stack, self.stack.id, current_deps=None,
                        prev_raw_template_id=self.row(
                            self.stack).raw_template_id)
        self.repair()
        self.assertIsNotNone(self.row(self.stack).prev_raw_template_id)

    def test_the_template_is_not_needed_after_an_update(self):
        self.set_deps(*CHAIN, *CLEANUP)
        with mock.patch.object(migrate_graph,
                               'requirements') as requirements:
            self.assertEqual([], self.found())
        requirements.assert_not_called()


class RefusedTest(VerifyTestCase):

    def test_a_legacy_stack(self):
        convergence_migrate.revert(self.ctx, self.stack.id)
        self.assertRaises(migrate_exception.StillLegacy, self.found)

    def test_a_stack_in_progress(self):
        self.set_values(models.Stack, self.stack.id, status='IN_PROGRESS')
        self.assertRaises(migrate_exception.InProgress, self.found)

    def test_a_repair_while_an_engine_is_at_work_on_a_resource(self):
        self.set_resource('b', requires=[], engine_id='engine')
        self.assertEqual(1, len(self.found()))
        self.assertRaises(migrate_exception.ResourceInProgress, self.repair)

    def make_circle(self):
        """The edge of b was turned round, and Heat kept the old one."""
        ids = self.ids()
        self.set_resource('a', requires=[ids['b']])
        self.set_resource('b', requires=[])

    def test_a_fill_that_closes_a_circle(self):
        self.make_circle()
        self.assertEqual(['b requires a: not stored'], self.found())
        before = self.rows(self.stack)
        refused = self.assertRaises(migrate_exception.CircularDependencies,
                                    self.repair)
        self.assertIn('each other: ', str(refused))
        self.assertEqual(before, self.rows(self.stack))

    def test_a_fill_that_closes_a_circle_with_a_replacement(self):
        ids = self.ids()
        self.set_resource('a', replaces=ids['b'])
        self.set_resource('b', requires=[])
        self.assertRaises(migrate_exception.CircularDependencies,
                          self.repair)

    def test_a_circle_that_is_stored(self):
        self.set_resource('a', requires=[self.ids()['c']])
        self.assertEqual(1, len(self.found()))
        self.assertIn('resources require each other: ', self.found()[0])
        self.assertRaises(migrate_exception.CircularDependencies,
                          self.repair)

    def test_the_remedy(self):
        for make in (self.make_circle, lambda: self.set_resource(
                'a', requires=[self.ids()['c']])):
            make()
            convergence_migrate.revert(self.ctx, self.stack.id)
            convergence_migrate.convert(self.ctx, self.stack.id)
            self.assertEqual([], self.found())


class CheckRowsTest(VerifyTestCase):

    def test_a_healthy_stack_passes(self):
        self.assertTrue(convergence_migrate.check_rows(
            self.ctx, self.stack.id).nothing_to_do)

    def test_what_is_found_is_told(self):
        self.set_resource('b', requires=[])
        exc = self.assertRaises(migrate_exception.RowsDiffer,
                                convergence_migrate.check_rows, self.ctx,
                                self.stack.id)
        self.assertIn('b requires a: not stored', str(exc))

    def test_no_more_is_told_than_can_be_read(self):
        findings = ['finding %d' % number for number in range(12)]
        self.assertEqual('%s; and 2 more' % '; '.join(findings[:10]),
                         migrate_verify.in_words(findings))


class MixedTreeTest(VerifyTestCase):
    """A tree that is being finished."""

    def setUp(self):
        super().setUp()
        self.child = self.legacy({'d': []}, name='child',
                                 owner_id=self.stack.id)

    def test_its_convergence_stacks_are_repaired_with_it(self):
        self.set_resource('b', requires=[], current_template_id=None)
        plan = convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertEqual({self.stack.id, self.child.id},
                         {stack.id for stack in plan.changed})
        self.assertEqual([], self.found())
        self.assertTrue([
            event for event in self.events(self.stack) if event.
            resource_status_reason.startswith(
                'Converted to convergence and repaired on request: 2 ')])

    def test_healthy_ones_stay_as_they_are(self):
        def root():
            return [row for row in self.rows(self.stack)['stack']
                    if row['id'] == self.stack.id]
        before = root()
        plan = convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertEqual([self.child.id], [row.id for row in plan.changed])
        self.assertEqual(before, root())

    def test_all_or_nothing(self):
        self.set_resource('b', requires=[])
        self.set_resource('a', requires=[self.ids()['b']])
        before = self.rows(self.stack)
        self.assertRaises(migrate_exception.CircularDependencies,
                          convergence_migrate.convert, self.ctx,
                          self.stack.id)
        self.assertEqual(before, self.rows(self.stack))


class ReadingTest(VerifyTestCase):
    """Tree and graph are of one moment."""

    def replace(self, name, function):
        self.useFixture(fixtures.MonkeyPatch(
            'heat.db.migrate.tree.' + name, function))

    def interrupt(self, times):
        """Let an operation begin between the two readings."""
        read = migrate_tree._read_graph
        times = iter(range(times))

        def interrupted(session, root_id):
            graph = read(session, root_id)
            if next(times, None) is not None:
                session.execute(models.Stack.__table__.update().values(
                    current_traversal=uuidutils.generate_uuid()))
            return graph
        self.replace('_read_graph', interrupted)

    def test_an_operation_in_between(self):
        self.interrupt(1)
        self.assertEqual([], self.found())

    def test_operations_without_an_end(self):
        self.interrupt(9)
        self.assertRaises(migrate_exception.TreeChanged, self.found)

    def test_a_stack_that_changes_before_it_is_repaired(self):
        self.set_resource('b', requires=[])
        plan = convergence_migrate.plan_repair(self.ctx, self.stack.id)
        read = migrate_tree.read

        def changed(session, root_id):
            tree = read(session, root_id)
            session.execute(models.Stack.__table__.update().values(
                current_traversal='another'))
            return tree
        self.replace('read', changed)
        self.assertRaises(migrate_exception.TreeChanged,
                          convergence_migrate.apply, self.ctx, plan)


class DamagedTest(VerifyTestCase):
    """Columns that hold another value than Heat would store."""

    scenarios = [('current_deps is %s' % text, {
        'model': models.Stack, 'column': 'current_deps', 'text': text,
        'told': 'current_deps: not stored'}) for text in (
            '{', '7', '[]', '{}', '{"edges": 7}', '{"edges": [7]}',
            '{"edges": [[[], []]]}')]
    scenarios += [('requires is %s' % text, {
        'model': models.Resource, 'column': 'requires', 'text': text,
        'told': 'requires of b: cannot be read'}) for text in (
            '{', '7', 'null', '["a", 1]')]

    def test_is_found_and_repaired(self):
        row_id = (self.stack.id if self.model is models.Stack
                  else self.ids()['b'])
        with db_api.context_manager.writer.using(self.ctx) as session:
            session.execute(
                self.model.__table__.update()
                .where(self.model.__table__.c.id == row_id)
                .values({self.column: sqlalchemy.literal(
                    self.text, sqlalchemy.Text)}))
        self.assertEqual([self.told], self.found())
        self.assertRepaired()
