# SPDX-License-Identifier: Apache-2.0

"""heat-manage migrate-convergence-1 --failed."""

import types
from unittest import mock

from oslo_db import exception as db_exception

from heat.cmd.migrate import convergence_status
from heat.cmd.migrate import errors
from heat.cmd.migrate import outcome
from heat.common.migrate import exception as migrate_exception
from heat.engine import convergence_migrate
from heat.objects import raw_template
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
        return status, {done['name']: done['outcome'] for done in found}

    def test_it_converts_what_an_id_names(self):
        self.assertEqual((0, {'failed': 'converted'}),
                         self.convert(self.failed))
        self.assertTrue(self.is_convergence(self.failed))

    def test_all_takes_failed_and_complete_stacks(self):
        # A dry run writes nothing.
        for words, done in ((['--dry-run'], 'planned'), ([], 'converted')):
            self.assertFalse(self.is_convergence(self.failed))
            self.assertEqual((0, {'failed': done, 'sane': done}),
                             self.convert('--all', *words))

    def test_without_it_the_text_names_it(self):
        status, found = self.outcomes('migrate-convergence-1', self.failed)
        self.assertEqual(1, status)
        self.assertEqual('failed', found[0]['code'])
        self.assertIn('--failed', found[0]['message'])

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
        self.failed = self.legacy('failed')
        self.set_status(self.failed, 'FAILED')
        self.legacy('sane')
        root = self.legacy('root')
        self.backup = self.legacy('root*', owner_id=root)
        stack_object.Stack.update_by_id(self.ctx, self.backup,
                                        {'backup': True})

    def found(self, *words):
        _status, found = self.outcomes('convergence-status', *words)
        return {(line['with_failed'], line['roots']) for line in found
                if 'with_failed' in line}

    def test_it_counts_what_the_option_would_convert(self):
        self.assertEqual({('ready', 2)}, self.found())

    def test_it_says_why_the_option_would_not(self):
        self.legacy('below', owner_id=self.backup)
        self.assertEqual({('ready', 1), ('backup_resources', 1)},
                         self.found())

    def test_deep_reads_the_templates_as_well(self):
        stack = stack_object.Stack.get_by_id(self.ctx, self.failed)
        raw_template.RawTemplate.update_by_id(
            self.ctx, stack.raw_template_id, {'template': {'no': 'version'}})
        self.assertEqual({('ready', 2)}, self.found())
        self.assertEqual({('ready', 1), ('invalid_template', 1)},
                         self.found('--deep'))

    def test_a_stack_that_is_deleted_meanwhile_does_not_count(self):
        gone = migrate_exception.StackNotFound(stack=self.failed)
        with mock.patch.object(convergence_migrate, 'check_failed',
                               side_effect=[gone, None]):
            self.assertEqual({('ready', 1)}, self.found())

    def test_a_database_that_fails_is_no_state_of_a_stack(self):
        with mock.patch.object(convergence_migrate, 'check_failed',
                               side_effect=db_exception.DBError('down')):
            status, _out, _err = self.run_command('convergence-status')
        self.assertEqual(2, status)

    def test_a_database_that_fails_ends_deep(self):
        failure = outcome.failure(
            types.SimpleNamespace(id=self.failed, name='failed', tenant='a'),
            outcome.FAILED, outcome.DATABASE, 'down', 1)
        for counts in (convergence_status.WithFailed(),
                       convergence_status.Planned(self.ctx, [])):
            self.assertRaisesRegex(errors.CommandError, 'down', counts.add,
                                   failure)

    def test_the_table_names_the_option_unless_all_is_complete(self):
        for named in (True, False):
            _status, out, _err = self.run_command('convergence-status')
            self.assertEqual(named, '--failed' in out)
            self.outcomes('migrate-convergence-1', '--all', '--failed')
