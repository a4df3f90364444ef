# SPDX-License-Identifier: Apache-2.0

"""heat-manage migrate-convergence-1 --failed."""

from heat.common.migrate import exception as migrate_exception
from heat.engine import convergence_migrate
from heat.objects import stack as stack_object
from heat.tests.migrate import command_case as case


class FailedTest(case.CommandTestCase):

    def setUp(self):
        super().setUp()
        self.failed = self.legacy('failed')
        self.sane = self.legacy('sane')
        self.set_status(self.failed, 'FAILED')

    def convert(self, *words):
        status, found = self.outcomes('migrate-convergence-1', '--failed',
                                      *words)
        return status, {outcome['name']: outcome['outcome']
                        for outcome in found}

    def test_it_converts_what_an_id_names(self):
        self.assertEqual((0, {'failed': 'converted'}),
                         self.convert(self.failed))
        self.assertTrue(self.is_convergence(self.failed))

    def test_all_takes_failed_and_complete_stacks(self):
        self.assertEqual(
            (0, {'failed': 'converted', 'sane': 'converted'}),
            self.convert('--all'))

    def test_a_dry_run_writes_nothing(self):
        self.assertEqual((0, {'failed': 'planned', 'sane': 'planned'}),
                         self.convert('--all', '--dry-run'))
        self.assertFalse(self.is_convergence(self.failed))

    def test_without_it_the_text_names_it(self):
        status, found = self.outcomes('migrate-convergence-1', self.failed)
        self.assertEqual(1, status)
        self.assertEqual('failed', found[0]['code'])
        self.assertIn('--failed', found[0]['message'])

    def test_what_it_does_not_go_with(self):
        for option in ('--verify', '--repair', '--via-engines'):
            status, _out, err = self.run_command(
                'migrate-convergence-1', '--all', '--failed', option)
            self.assertEqual(2, status)
            self.assertIn(option, err)

    def test_there_is_no_way_back_until_the_stack_is_complete(self):
        self.convert(self.failed)
        self.assertRaises(migrate_exception.NotComplete,
                          convergence_migrate.revert, self.ctx, self.failed)
        self.set_status(self.failed, 'COMPLETE')
        convergence_migrate.revert(self.ctx, self.failed)
        self.assertFalse(self.is_convergence(self.failed))


class StatusTest(case.CommandTestCase):

    def setUp(self):
        super().setUp()
        self.set_status(self.legacy('failed'), 'FAILED')
        self.legacy('sane')
        root = self.legacy('root')
        self.backup = self.legacy('root*', owner_id=root)
        stack_object.Stack.update_by_id(self.ctx, self.backup,
                                        {'backup': True})

    def found(self):
        _status, found = self.outcomes('convergence-status')
        return {(line['with_failed'], line['roots']) for line in found
                if 'with_failed' in line}

    def test_it_counts_what_the_option_would_convert(self):
        self.assertEqual({('ready', 2)}, self.found())

    def test_it_tells_why_the_option_would_not(self):
        self.legacy('below', owner_id=self.backup)
        self.assertEqual({('ready', 1), ('backup_resources', 1)},
                         self.found())

    def test_the_table_names_the_option(self):
        _status, out, _err = self.run_command('convergence-status')
        self.assertIn('--failed', out)

    def test_nothing_is_said_where_all_is_complete(self):
        self.outcomes('migrate-convergence-1', '--all', '--failed')
        _status, out, _err = self.run_command('convergence-status')
        self.assertNotIn('--failed', out)
