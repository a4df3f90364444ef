# SPDX-License-Identifier: Apache-2.0

"""migrate-convergence-1 --verify and --repair."""

from heat.db import api as db_api
from heat.db import models
from heat.engine import convergence_migrate
from heat.tests.migrate import command_case as case


class VerifyCommandTest(case.CommandTestCase):

    def setUp(self):
        super().setUp()
        self.stack_id = self.legacy()
        convergence_migrate.convert(self.ctx, self.stack_id)

    def lose_the_graph(self, stack_id=None):
        with db_api.context_manager.writer.using(self.ctx) as session:
            session.get(models.Stack,
                        stack_id or self.stack_id).current_deps = None

    def verify(self, *words):
        status, outcomes = self.outcomes(
            'migrate-convergence-1', '--verify', *(words or [self.stack_id]))
        return status, [(outcome['outcome'], outcome['code'])
                        for outcome in outcomes]

    def test_a_converted_stack_is_as_it_should_be(self):
        self.assertEqual((0, [('ok', None)]), self.verify())

    def test_a_lost_graph_is_reported(self):
        self.lose_the_graph()
        self.assertEqual((2, [('damaged', 'rows_differ')]), self.verify())

    def test_all_looks_at_convergence_stacks(self):
        self.legacy(name='another')
        self.assertEqual((0, [('ok', None)]), self.verify('--all'))

    def test_a_limit_counts_each_stack(self):
        convergence_migrate.convert(self.ctx, self.legacy(name='another'))
        self.assertEqual((1, [('ok', None)]),
                         self.verify('--all', '--limit', '1'))

    def test_summary_of_a_damaged_stack(self):
        self.lose_the_graph()
        _status, out, _err = self.run_command(
            'migrate-convergence-1', '--verify', '--all')
        self.assertIn('Damaged: rows_differ, 1 stack\n', out)
        self.assertTrue(out.endswith(': 1 damaged.\n'), out)

    def test_a_legacy_stack_is_refused(self):
        self.assertEqual((2, [('refused', 'legacy')]),
                         self.verify(self.legacy(name='another')))

    def test_a_repaired_stack_is_as_it_should_be(self):
        self.lose_the_graph()
        status, outcomes = self.outcomes('migrate-convergence-1', '--repair',
                                         self.stack_id)
        self.assertEqual((0, ['repaired']),
                         (status, [outcome['outcome']
                                   for outcome in outcomes]))
        self.assertIn('current_deps: not stored', outcomes[0]['message'])
        self.assertEqual((0, [('ok', None)]), self.verify())

    def test_a_healthy_stack_needs_no_repair(self):
        status, out, _err = self.run_command(
            'migrate-convergence-1', '--repair', self.stack_id)
        self.assertEqual(0, status)
        self.assertRegex(out, '%s  legacy +ok\n' % self.stack_id)
        self.assertTrue(out.endswith(': 1 ok.\n'), out)

    def test_a_limit_counts_what_is_repaired(self):
        damaged = self.legacy(name='another')
        convergence_migrate.convert(self.ctx, damaged)
        convergence_migrate.convert(self.ctx, self.legacy(name='last'))
        self.lose_the_graph(damaged)
        status, outcomes = self.outcomes('migrate-convergence-1', '--repair',
                                         '--all', '--limit', '1')
        self.assertEqual((1, ['ok', 'repaired']), (
            status, [outcome['outcome'] for outcome in outcomes]))
