# SPDX-License-Identifier: Apache-2.0

from heat.db.migrate import counts as migrate_counts
from heat.objects import stack as stack_object
from heat.tests.migrate import command_case as case


class StatusTest(case.CommandTestCase):

    def test_table_with_versions_and_what_to_run(self):
        self.legacy()
        status, out, _err = self.run_command('convergence-status')
        self.assertEqual(0, status)
        self.assertIn('heat-convergence-migrate', out)
        self.assertRegex(out, r'on Heat \d+\.\d')
        self.assertIn('Legacy: 1 root stack and 0 nested stacks.', out)
        self.assertIn('heat-manage migrate-convergence-1 --all', out)

    def test_nothing_to_run_when_all_is_converted(self):
        self.legacy()
        self.outcomes('migrate-convergence-1', '--all')
        _status, out, _err = self.run_command('convergence-status')
        self.assertIn('Convergence: 1 root stack and 0 nested stacks.', out)
        self.assertNotIn('migrate-convergence-1 --all', out)

    def test_deep_finds_what_the_rows_do_not_tell(self):
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

    def test_lists_what_is_left_over_with_ids(self):
        left = self.legacy('left', owner_id='gone')
        _status, out, _err = self.run_command('convergence-status')
        row, = (line for line in out.splitlines() if left in line)
        self.assertRegex(row, r'no_root +\| .*left .* gone +\| - ')
        _status, found = self.outcomes('convergence-status')
        self.assertEqual({
            'leftover': 'no_root', 'id': left, 'name': 'left',
            'project': self.ctx.project_id, 'owner_id': 'gone',
            'shared_with': []}, found[-1])

    def test_lists_nothing_where_nothing_is_left_over(self):
        self.legacy()
        _status, out, _err = self.run_command('convergence-status')
        self.assertNotIn('left over', out)

    def test_table_fits_80_columns(self):
        stack_object.Stack.update_by_id(self.ctx, self.legacy(),
                                        {'tenant': 'a' * 64})
        _status, out, _err = self.run_command('convergence-status')
        self.assertLessEqual(max(map(len, out.splitlines()[:-1])), 80)

    def test_lists_the_stacks_in_a_state(self):
        ready, failed = self.legacy('a-name'), self.legacy('failed')
        self.set_status(failed, 'FAILED')
        for state, stack_id, name in (('ready', ready, 'a-name'),
                                      ('failed', failed, 'failed')):
            self.assertEqual(
                (0, '%s  %s  %s\n' % (stack_id, self.ctx.project_id, name),
                 ''), self.run_command('convergence-status', '--list', state))
        self.assertEqual((0, '', ''), self.run_command(
            'convergence-status', '--list', 'ready', '--project', 'other'))

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
