# SPDX-License-Identifier: Apache-2.0

"""Findings in the rows of a convergence stack, and their repair."""

from unittest import mock

import fixtures
from oslo_utils import uuidutils
import sqlalchemy

from heat.common.migrate import exception as migrate_exception
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
        """The findings, without the name of the stack."""
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
# The nodes that an update adds: a clean-up of each row after its update.
CLEANUP = (('a-', 'a'), ('b-', 'b'), ('c-', 'c'), ('a-', 'b-'), ('b-', 'c-'))


class HealthyTest(VerifyTestCase):
    """Rows that Heat leaves, or does not read, are no finding."""

    scenarios = [(name, {'change': change}) for name, change in (
        ('a converted stack', lambda test: None),
        ('an empty needed_by',
         lambda test: test.set_resource('a', needed_by=[])),
        ('the id of a replaced resource in the graph',
         lambda test: test.set_deps(('x', 'a'), ('c', 'x'), *CLEANUP[:1])),
        ('a resource that replaces another', lambda test: (
            test.set_deps(('c', 'a'), *CLEANUP[:1]),
            test.set_resource('b', replaces=test.ids()['a']))),
        ('an id that is not known any more',
         lambda test: test.set_resource('b', requires=[999])),
        ('an id too many', lambda test: test.set_resource('c', requires=sorted(
            [test.ids()['a'], test.ids()['b'], 999], reverse=True))),
        ('an edge too many', lambda test: test.set_deps(('c', 'a'), *CHAIN)),
        ('a missing edge after an update', lambda test: (
            test.set_deps(('a', None), ('b', None), ('c', 'b'), *CLEANUP),
            test.set_resource('b', requires=[]))),
        ('an older template', lambda test: test.set_resource(
            'b', requires=[], current_template_id=test.row(
                test.legacy({}, name='other')).raw_template_id)),
        ('a resource that was not created', lambda test: test.set_resource(
            'b', action='INIT', requires=[])),
        ('a resource that is to go', lambda test: test.set_resource(
            'b', replaced_by=999, requires=[])),
        ('a resource that the template does not name',
         lambda test: test.set_resource('c', name='x')),
        ('the empty traversal after a failure', lambda test: test.set_values(
            models.Stack, test.stack.id, current_traversal='')))]

    def test_is_healthy(self):
        self.change(self)
        before = self.rows(self.stack)
        self.assertEqual([], self.found())
        self.assertTrue(self.repair().nothing_to_do)
        self.assertEqual(before, self.rows(self.stack))


class FoundTest(VerifyTestCase):
    """Findings and their repair."""

    def test_a_missing_graph(self):
        self.set_values(models.Stack, self.stack.id, current_deps=None)
        self.assertEqual(['current_deps: not stored'], self.found())
        self.assertRepaired()

    def test_a_missing_traversal(self):
        self.set_values(models.Stack, self.stack.id, current_traversal=None)
        self.assertEqual(['current_traversal: not stored'], self.found())
        self.repair()
        self.assertEqual(36, len(self.row(self.stack).current_traversal))

    def test_a_missing_value_of_a_resource(self):
        for values, finding in (
                ({'current_template_id': None},
                 'current_template_id of b: not stored'),
                ({'requires': []}, 'b requires a: not stored')):
            self.set_resource('b', **values)
            self.assertEqual([finding], self.found())
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

    def test_missing_nodes(self):
        for edges, missing in (
                # Nothing depends on c.
                ((*CHAIN[:1], *CLEANUP[:2]), 'c'),
                # More are missing than are unknown.
                ((('x', 'a'), *CLEANUP[:1]), 'bc')):
            self.set_deps(*edges)
            self.assertEqual(['%s: not stored in current_deps' % name
                              for name in missing], self.found())
            self.repair()
            self.assertIn(('c', 'b'), self.deps())

    def test_an_interrupted_conversion_by_heat(self):
        self.set_values(models.Stack, self.stack.id, current_deps=None)
        for name in self.ids():
            self.set_resource(name, requires=[], needed_by=[],
                              current_template_id=None)
        self.assertEqual(6, len(self.found()))
        self.repair()
        self.assertTrue([event for event in self.events(self.stack) if event.
                         resource_status_reason.startswith(
                             'Repaired its convergence rows on request: ')])
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
        """The edge of b was reversed, and Heat kept the old one."""
        ids = self.ids()
        self.set_resource('a', requires=[ids['b']])
        self.set_resource('b', requires=[])

    def assertNotRepaired(self):
        return self.assertRaises(migrate_exception.CircularDependencies,
                                 self.repair)

    def test_a_fill_that_closes_a_circle(self):
        self.make_circle()
        self.assertEqual(['b requires a: not stored'], self.found())
        before = self.rows(self.stack)
        self.assertIn('each other: ', str(self.assertNotRepaired()))
        self.assertEqual(before, self.rows(self.stack))

    def test_a_fill_that_closes_a_circle_with_a_replacement(self):
        ids = self.ids()
        self.set_resource('a', replaces=ids['b'])
        self.set_resource('b', requires=[])
        self.assertNotRepaired()

    def test_a_circle_that_is_stored(self):
        self.set_resource('a', requires=[self.ids()['c']])
        self.assertEqual(1, len(self.found()))
        self.assertIn('resources require each other: ', self.found()[0])
        self.assertNotRepaired()

    def test_the_remedy(self):
        for make in (self.make_circle, lambda: self.set_resource(
                'a', requires=[self.ids()['c']])):
            make()
            convergence_migrate.revert(self.ctx, self.stack.id)
            convergence_migrate.convert(self.ctx, self.stack.id)
            self.assertEqual([], self.found())


class CheckRowsTest(VerifyTestCase):

    def test_findings_are_reported(self):
        self.assertTrue(convergence_migrate.check_rows(
            self.ctx, self.stack.id).nothing_to_do)
        self.set_resource('b', requires=[])
        exc = self.assertRaises(migrate_exception.RowsDiffer,
                                convergence_migrate.check_rows, self.ctx,
                                self.stack.id)
        self.assertIn('b requires a: not stored', str(exc))

    def test_no_more_is_reported_than_can_be_read(self):
        findings = ['finding %d' % number for number in range(12)]
        self.assertEqual('%s; and 2 more' % '; '.join(findings[:10]),
                         migrate_verify.in_words(findings))


class MixedTreeTest(VerifyTestCase):
    """A mixed tree that a conversion completes."""

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
        self.refused(self.stack, migrate_exception.CircularDependencies)


class ReadingTest(VerifyTestCase):
    """Tree and graph are from the same moment."""

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
        read = migrate_tree.read_many

        def changed(session, root_ids):
            trees = read(session, root_ids)
            session.execute(models.Stack.__table__.update().values(
                current_traversal='another'))
            return trees
        self.replace('read_many', changed)
        self.assertRaises(migrate_exception.TreeChanged,
                          convergence_migrate.apply, self.ctx, plan)


class DamagedTest(VerifyTestCase):
    """Columns that hold another value than Heat would store."""

    scenarios = [('current_deps is %s' % text, {
        'model': models.Stack, 'column': 'current_deps', 'text': text,
        'expected': 'current_deps: not stored'}) for text in (
            '{', '7', '[]', '{}', '{"edges": 7}', '{"edges": [7]}',
            '{"edges": [[[], []]]}')]
    scenarios += [('requires is %s' % text, {
        'model': models.Resource, 'column': 'requires', 'text': text,
        'expected': 'requires of b: cannot be read'}) for text in (
            '{', '7', 'null', '["a", 1]')]

    def test_is_found_and_repaired(self):
        row_id = (self.stack.id if self.model is models.Stack
                  else self.ids()['b'])
        self.execute(
            self.model.__table__.update()
            .where(self.model.__table__.c.id == row_id)
            .values({self.column: sqlalchemy.literal(
                self.text, sqlalchemy.Text)}))
        self.assertEqual([self.expected], self.found())
        self.assertRepaired()
