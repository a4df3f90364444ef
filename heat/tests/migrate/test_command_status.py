# SPDX-License-Identifier: Apache-2.0

from heat.cmd.migrate import convergence_status
from heat.cmd.migrate import outcome
from heat.cmd.migrate import run
from heat.common.migrate import exception as migrate_exception
from heat.db.migrate import counts as migrate_counts
from heat.objects import stack as stack_object
from heat.tests.migrate import command_case as case
from heat.tests.migrate import statements


class StatusTest(case.CommandTestCase):

    def test_table_with_versions_and_what_to_run(self):
        self.legacy('child', owner_id=self.legacy())
        status, out, err = self.run_command('convergence-status')
        self.assertEqual((0, ''), (status, err))
        self.assertIn('heat-convergence-migrate', out)
        self.assertRegex(out, r'on Heat \d+\.\d')
        self.assertIn('Legacy: 1 root stack and 1 nested stack.', out)
        self.assertIn('heat-manage migrate-convergence-1 --all', out)
        self.assertNotIn('left over', out)
        # There is nothing to run when all is converted.
        self.outcomes('migrate-convergence-1', '--all')
        _status, out, _err = self.run_command('convergence-status')
        self.assertIn('Convergence: 1 root stack and 1 nested stack.', out)
        self.assertNotIn('migrate-convergence-1 --all', out)

    def test_deep_finds_what_the_rows_do_not_show(self):
        broken = self.legacy('broken')
        self.legacy('sane')
        self.legacy('child', owner_id=broken)
        busy = self.legacy('busy')
        self.set_status(busy, 'IN_PROGRESS')
        self.set_name(broken, 'other')
        expected = {('ready', 2, 1), ('in_progress', 1, 0)}
        self.assertEqual(expected, self.counts('convergence-status'))
        expected = {('ready', 1, 0), ('missing_resources', 1, 1),
                    ('in_progress', 1, 0)}
        self.assertEqual(expected,
                         self.counts('convergence-status', '--deep'))
        self.assertEqual(
            4, sum(tally.roots + tally.nested_legacy for tally in
                   migrate_counts.tally(self.ctx)))

    def test_a_state_that_deep_leaves_without_stacks_is_not_listed(self):
        self.set_name(self.legacy(), 'other')
        self.assertEqual({('missing_resources', 1, 0)},
                         self.counts('convergence-status', '--deep'))

    def test_progress_of_deep_counts_what_is_refused(self):
        planned = convergence_status.Planned(self.ctx, [])
        self.legacy()
        stack = next(run.all_stacks(self.ctx))
        for code in (None, migrate_exception.Locked.code):
            planned.add(outcome.failure(
                stack, outcome.REFUSED if code else outcome.GONE, code, '',
                0))
        self.assertEqual((2, '1 cannot be converted'),
                         (planned.handled, planned.so_far))

    def test_lists_leftovers_with_ids(self):
        left = self.legacy('left', owner_id='gone')
        _status, out, _err = self.run_command('convergence-status')
        self.assertIn('\n  %s  no_root  left\n    project %s\n    nested in '
                      'gone\n' % (left, self.ctx.project_id), out)
        _status, found = self.outcomes('convergence-status')
        self.assertEqual({
            'leftover': 'no_root', 'id': left, 'name': 'left',
            'project': self.ctx.project_id, 'owner_id': 'gone',
            'shared_with': []}, found[-1])

    def read_trees(self):
        """How often convergence-status has read all trees."""
        with statements.Statements() as sent:
            self.run_command('convergence-status')
        return sum('group by' in text.lower() and 'locked' in text.lower()
                   for text in sent.texts)

    def test_all_trees_are_read_again_only_if_one_is_failed(self):
        failed = self.legacy()
        self.assertEqual(1, self.read_trees())
        self.set_status(failed, 'FAILED')
        self.assertEqual(2, self.read_trees())

    def test_output_fits_80_columns(self):
        failed = self.legacy()
        self.set_status(failed, 'FAILED')
        left = self.legacy('a' * 255, owner_id=failed.replace('-', '0'))
        for stack_id in failed, left:
            stack_object.Stack.update_by_id(self.ctx, stack_id,
                                            {'tenant': 'a' * 64})
        _status, out, _err = self.run_command('convergence-status')
        self.assertIn('--failed would do', out)
        self.assertIn('left over', out)
        self.assertLessEqual(max(map(len, out.splitlines())), 80)

    def test_lists_the_stacks_in_a_state(self):
        ready, failed = self.legacy('a-name'), self.legacy('failed')
        self.set_status(failed, 'FAILED')
        for state, stack_id, name in (('ready', ready, 'a-name'),
                                      ('failed', failed, 'failed')):
            self.assertEqual(
                (0, '%s  %-14s  %s\n' % (stack_id, self.ctx.project_id, name),
                 ''), self.run_command('convergence-status', '--list', state))
        self.assertEqual((0, '', ''), self.run_command(
            'convergence-status', '--list', 'ready', '--project', 'other'))

    def test_the_list_fits_80_columns_and_json_has_everything(self):
        stack_id = self.legacy('b' * 255)
        stack_object.Stack.update_by_id(self.ctx, stack_id,
                                        {'tenant': 'a' * 64})
        words = 'convergence-status', '--list', 'ready'
        self.assertEqual(
            '%s  %s...  %s...\n' % (stack_id, 'a' * 11, 'b' * 22),
            self.run_command(*words)[1])
        self.assertEqual((0, [{'id': stack_id, 'name': 'b' * 255,
                               'project': 'a' * 64}]), self.outcomes(*words))

    def test_lists_left_over_stacks_of_each_kind(self):
        left = self.legacy('left', owner_id='gone')
        for state, expected in (('no_root', [left]), ('adopted', [])):
            _status, found = self.outcomes('convergence-status', '--list',
                                           state)
            self.assertEqual(expected, [stack['id'] for stack in found])

    def counts(self, *words):
        status, found = self.outcomes(*words)
        self.assertEqual(0, status)
        return {(tally['state'], tally['roots'], tally['nested_legacy'])
                for tally in found}
