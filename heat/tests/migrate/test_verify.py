# SPDX-License-Identifier: Apache-2.0

"""Convergence stacks whose rows are not what their templates say."""

import sqlalchemy

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db import models
from heat.engine import convergence_migrate
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import test_convergence_migrate


class VerifyTestCase(test_convergence_migrate.MigrateTestCase):

    def setUp(self):
        super().setUp()
        self.stack = self.legacy(migrate_fixtures.TEMPLATES['chain'])
        convergence_migrate.convert(self.ctx, self.stack.id)
        self.right = self.rows(self.stack)

    def found(self):
        findings, _plan = convergence_migrate.verify(self.ctx, self.stack.id)
        return [(finding.resource, finding.column) for finding in findings]

    def assertRepaired(self):
        convergence_migrate.repair(self.ctx, self.stack.id)
        self.assertEqual(self.right, self.rows(self.stack))


class VerifyTest(VerifyTestCase):

    def test_a_converted_stack_is_right(self):
        self.assertEqual([], self.found())

    def test_a_legacy_stack_is_refused(self):
        convergence_migrate.revert(self.ctx, self.stack.id)
        self.assertRaises(migrate_exception.StillLegacy, self.found)

    def test_a_missing_graph(self):
        self.set_values(models.Stack, self.stack.id, current_deps=None)
        self.assertEqual([(None, 'current_deps')], self.found())
        self.assertRepaired()

    def test_a_wrong_edge(self):
        ids = {name: row.id
               for name, row in self.resources(self.stack).items()}
        self.set_values(models.Stack, self.stack.id, current_deps={
            'edges': [[[ids['c'], True], [ids['a'], True]]]})
        self.assertEqual([(None, 'current_deps')], self.found())

    def test_the_nodes_that_clean_up_after_an_update_are_no_difference(self):
        ids = {name: row.id
               for name, row in self.resources(self.stack).items()}
        edges = self.row(self.stack).current_deps['edges']
        self.set_values(models.Stack, self.stack.id, current_deps={
            'edges': edges + [[[ids['c'], False], [ids['c'], True]],
                              [[ids['a'], False], [ids['b'], False]]]})
        self.assertEqual([], self.found())

    def test_missing_requires(self):
        self.set_values(models.Resource,
                        self.resources(self.stack)['b'].id, requires=[])
        self.assertEqual([('b', 'requires')], self.found())
        self.assertRepaired()

    def test_an_empty_needed_by_is_harmless(self):
        self.set_values(models.Resource,
                        self.resources(self.stack)['b'].id, needed_by=[])
        finding, = convergence_migrate.verify(self.ctx, self.stack.id)[0]
        self.assertEqual('needed_by', finding.column)
        self.assertTrue(finding.harmless)
        self.assertRepaired()

    def test_a_missing_template_of_a_resource(self):
        self.set_values(models.Resource, self.resources(self.stack)['b'].id,
                        current_template_id=None)
        self.assertEqual([('b', 'current_template_id')], self.found())
        self.assertRepaired()

    def test_verifying_writes_nothing(self):
        self.set_values(models.Stack, self.stack.id, current_deps=None)
        before = self.rows(self.stack)
        self.found()
        self.assertEqual(before, self.rows(self.stack))

    def test_a_stack_in_progress_is_not_compared(self):
        self.set_values(models.Stack, self.stack.id, status='IN_PROGRESS')
        self.assertRaises(migrate_exception.InProgress,
                          convergence_migrate.verify, self.ctx,
                          self.stack.id)

    def test_a_missing_traversal(self):
        self.set_values(models.Stack, self.stack.id, current_traversal=None)
        self.assertEqual([(None, 'current_traversal')], self.found())
        convergence_migrate.repair(self.ctx, self.stack.id)
        self.assertEqual(36, len(self.row(self.stack).current_traversal))

    def test_the_words_tell_what_is_stored_and_what_should_be(self):
        self.set_values(models.Stack, self.stack.id, current_deps=None)
        finding, = convergence_migrate.verify(self.ctx, self.stack.id)[0]
        self.assertIn('(%s): current_deps is missing, should be 2 edges'
                      % self.stack.id, str(finding))

    def test_the_words_name_the_resource(self):
        self.set_values(models.Resource, self.resources(self.stack)['b'].id,
                        requires=[])
        finding, = convergence_migrate.verify(self.ctx, self.stack.id)[0]
        self.assertIn('resource b of legacy', str(finding))

    def test_only_stacks_that_differ_are_repaired(self):
        child = self.legacy({'d': []}, name='child', owner_id=self.stack.id)
        convergence_migrate.convert(self.ctx, self.stack.id)
        self.set_values(models.Stack, child.id, current_deps=None)
        plan = convergence_migrate.repair(self.ctx, self.stack.id)
        self.assertEqual([child.id], [stack.id for stack in plan.stacks])


class CheckRowsTest(VerifyTestCase):

    def test_what_is_harmless_passes(self):
        self.set_values(models.Resource, self.resources(self.stack)['b'].id,
                        needed_by=[])
        self.assertTrue(convergence_migrate.check_rows(
            self.ctx, self.stack.id).nothing_to_do)

    def test_what_matters_is_told(self):
        self.set_values(models.Resource, self.resources(self.stack)['b'].id,
                        requires=[], needed_by=[])
        exc = self.assertRaises(migrate_exception.RowsDiffer,
                                convergence_migrate.check_rows, self.ctx,
                                self.stack.id)
        self.assertIn('resource b of legacy', str(exc))
        self.assertNotIn('needed_by', str(exc))


class DamagedTest(VerifyTestCase):
    """Columns that hold another value than Heat would store."""

    scenarios = [('current_deps is %s' % text, {
        'model': models.Stack, 'column': 'current_deps', 'text': text,
        'found_in': None}) for text in (
            '{', '7', '[]', '{}', '{"edges": 7}', '{"edges": [7]}',
            '{"edges": [[[], []]]}')]
    scenarios += [('requires is %s' % text, {
        'model': models.Resource, 'column': 'requires', 'text': text,
        'found_in': 'b'}) for text in ('{', '7', 'null', '["a", 1]')]

    def test_is_found_and_repaired(self):
        row_id = (self.stack.id if self.found_in is None
                  else self.resources(self.stack)[self.found_in].id)
        with db_api.context_manager.writer.using(self.ctx) as session:
            session.execute(
                self.model.__table__.update()
                .where(self.model.__table__.c.id == row_id)
                .values({self.column: sqlalchemy.literal(
                    self.text, sqlalchemy.Text)}))
        self.assertEqual([(self.found_in, self.column)], self.found())
        self.assertRepaired()
