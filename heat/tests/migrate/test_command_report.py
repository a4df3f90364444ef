# SPDX-License-Identifier: Apache-2.0

import io
import json
from unittest import mock

from heat.cmd.migrate import outcome as outcomes
from heat.cmd.migrate import progress
from heat.cmd.migrate import report
from heat.common.migrate import exception as migrate_exception
from heat.tests import common


def _outcome(outcome=outcomes.CONVERTED, code=None, message=None, name='web',
             stack_id='id'):
    return outcomes.Outcome(stack_id, name, 'project', outcome, code, message,
                            1, 2, 0.5)


class ExitStatusTest(common.HeatTestCase):

    def status(self, *found, complete=True):
        counts = report.Report('convergence')
        for outcome in found:
            counts.add(outcome)
        return counts.exit_status(complete)

    def refused(self, exc):
        return _outcome(outcomes.REFUSED, exc.code)

    def test_done_when_nothing_is_left(self):
        self.assertEqual(0, self.status())
        self.assertEqual(0, self.status(
            _outcome(), _outcome(outcomes.ALREADY),
            _outcome(outcomes.PLANNED), _outcome(outcomes.REVERTED)))

    def test_run_again_when_a_stack_is_not_in_a_sane_state(self):
        for exc in (migrate_exception.InProgress,
                    migrate_exception.NotComplete, migrate_exception.Locked,
                    migrate_exception.TreeChanged,
                    migrate_exception.BackupResources):
            self.assertEqual(1, self.status(_outcome(), self.refused(exc)))

    def test_run_again_when_not_every_stack_was_looked_at(self):
        self.assertEqual(1, self.status(_outcome(), complete=False))

    def test_failed_when_running_again_changes_nothing(self):
        for exc in (migrate_exception.StackNotFound,
                    migrate_exception.NestedStack,
                    migrate_exception.UnknownResourceType,
                    migrate_exception.Credentials):
            self.assertEqual(2, self.status(
                self.refused(migrate_exception.InProgress),
                self.refused(exc)))

    def test_failed_when_something_failed(self):
        self.assertEqual(2, self.status(
            _outcome(outcomes.FAILED, outcomes.WORKER_DIED), complete=False))


class _ReportTestCase(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.stdout, self.stderr = io.StringIO(), io.StringIO()

    def print(self, kind, *found, **kwargs):
        made = kind('convergence', stdout=self.stdout, stderr=self.stderr,
                    **kwargs)
        for outcome in found:
            made.add(outcome)
        made.end(3)
        return self.stdout.getvalue()


class TableTest(_ReportTestCase):

    def test_counts_by_outcome_and_reason(self):
        text = self.print(
            report.Table, _outcome(), _outcome(outcomes.ALREADY),
            _outcome(outcomes.REFUSED, 'failed', 'a'),
            _outcome(outcomes.REFUSED, 'failed', 'b'),
            _outcome(outcomes.REFUSED, 'nested', 'c'),
            _outcome(outcomes.FAILED, 'error', 'd'))
        self.assertIn(
            '6 stacks in 3.0 seconds: 1 converted to convergence, 1 '
            'convergence already, 3 left as they were (failed 2, nested 1), '
            '1 failed (error 1).', text)

    def test_reasons_in_words(self):
        text = self.print(report.Table,
                          _outcome(outcomes.REFUSED, 'nested', 'See here.'))
        self.assertIn('| nested |', text)
        self.assertIn('\nSee here.\n', text)

    def test_lists_only_those_with_an_operation_in_progress_to_re_run(self):
        text = self.print(
            report.Table,
            _outcome(outcomes.REFUSED, 'in_progress', stack_id='busy'),
            _outcome(outcomes.REFUSED, 'failed', stack_id='broken'))
        self.assertIn('\n  busy web\n', text)
        self.assertNotIn('\n  broken web\n', text)

    def test_of_many_stacks_only_those_with_something_to_say(self):
        found = [_outcome(stack_id='silent'),
                 _outcome(outcomes.REFUSED, 'nested', 'no', stack_id='left'),
                 _outcome(message='Mind this.', stack_id='warned')]
        text = self.print(report.Table, *found, keep_all=False)
        self.assertNotIn('silent', text)
        self.assertIn('| left', text)
        self.assertIn('| warned', text)
        self.assertIn('\nMind this.\n', text)

    def test_nothing_of_a_name_or_reason_steers_the_terminal(self):
        text = self.print(report.Table, _outcome(
            outcomes.REFUSED, 'nested', '\x1b[2J\x07', name='\x1b[31mred'))
        self.assertFalse(set('\x1b\x07') & set(text))


class JsonLinesTest(_ReportTestCase):

    def test_one_object_a_line_with_all_keys(self):
        self.print(report.JsonLines, _outcome(),
                   _outcome(outcomes.REFUSED, 'nested', 'a\nb\x1b\u2028'))
        lines = self.stdout.getvalue().splitlines()
        self.assertEqual(2, len(lines))
        self.assertEqual(
            {'id', 'name', 'project', 'outcome', 'code', 'message', 'nested',
             'resources', 'seconds'}, set(json.loads(lines[0])))
        self.assertEqual('a\nb\x1b\u2028', json.loads(lines[1])['message'])

    def test_summary_does_not_go_into_the_pipe(self):
        self.print(report.JsonLines)
        self.assertEqual('', self.stdout.getvalue())
        self.assertIn('0 stacks', self.stderr.getvalue())

    def test_lines_come_as_soon_as_a_stack_is_done(self):
        made = report.JsonLines('convergence', stdout=self.stdout)
        made.add(_outcome())
        self.assertEqual(1, len(self.stdout.getvalue().splitlines()))


class _Terminal(io.StringIO):

    def isatty(self):
        return True


class ProgressTest(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.counts = report.Report('convergence')
        self.counts.add(_outcome())

    def show(self, stream, paused=False, bar=True):
        made = progress.of(self.counts, 4, bar, stream)
        made._begun -= 2
        made._next = 0
        made(paused)
        text = stream.getvalue()
        made.close()
        return text

    def test_lines_where_there_is_no_terminal(self):
        self.assertRegex(
            self.show(io.StringIO()),
            r'\A1 of 4 stacks, 0 left as they were, 0\.5 a second, '
            r'[56] seconds to go\n\Z')

    def test_line_says_that_the_run_is_paused(self):
        self.assertIn('paused', self.show(io.StringIO(), paused=True))

    def test_no_line_before_its_time(self):
        stream = io.StringIO()
        progress.of(self.counts, 4, True, stream)(False)
        self.assertEqual('', stream.getvalue())

    def test_bar_on_a_terminal(self):
        self.assertIn('1/4', self.show(_Terminal()))

    def test_no_bar_without_rich(self):
        with mock.patch('importlib.util.find_spec', return_value=None):
            self.assertIn('1 of 4 stacks', self.show(_Terminal()))

    def test_no_bar_where_it_is_not_welcome(self):
        self.assertNotIn('1/4', self.show(_Terminal(), bar=False))
