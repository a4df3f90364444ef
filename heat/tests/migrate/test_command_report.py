# SPDX-License-Identifier: Apache-2.0

import io
import json
import re
from unittest import mock
import weakref

import wcwidth

from heat.cmd.migrate import outcome as outcomes
from heat.cmd.migrate import progress
from heat.cmd.migrate import report
from heat.cmd.migrate import summary
from heat.common.migrate import exception as migrate_exception
from heat.db.migrate import roots as migrate_roots
from heat.tests import common
from heat.tests.migrate import test_exception


ID = '6fe7ad0a-7a5b-44a8-b67a-a4d3d6a0a001'
OTHER = '6fe7ad0a-7a5b-44a8-b67a-a4d3d6a0a002'


def _outcome(outcome=outcomes.CONVERTED, code=None, message=None, name='web',
             stack_id=ID, warnings=()):
    return outcomes.Outcome(stack_id, name, 'project', outcome, code, message,
                            1, 2, 0.5, warnings)


class WorkerDiedTest(common.HeatTestCase):

    def test_the_message_says_how_it_ended(self):
        stack = migrate_roots.RootStack(ID, 'web', 'project', None)
        for status, how in ((-9, '(by signal 9)'), (-1, '(by signal 1)'),
                            (0, '(with status 0)'), (3, '(with status 3)')):
            self.assertIn(how, outcomes.worker_died(
                stack, status, 1, True).message)


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
                    migrate_exception.Interrupted,
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

    def forget(self):
        self.stdout.truncate(0)
        self.stdout.seek(0)

    def print(self, kind, *found, **kwargs):
        made = kind('convergence', stdout=self.stdout, stderr=self.stderr,
                    **kwargs)
        for outcome in found:
            made.add(outcome)
        made.end(3)
        return self.stdout.getvalue()


class TableTest(_ReportTestCase):

    def refusal(self, kind=migrate_exception.MissingResources, name='web',
                stack_id=ID, **words):
        text = str(kind(stack='%s (%s)' % (name, stack_id), **words))
        return _outcome(outcomes.REFUSED, kind.code, text, name, stack_id)

    def test_summary_in_plain_words(self):
        text = self.print(
            report.Table, _outcome(), _outcome(outcomes.ALREADY),
            self.refusal(resources='a'))
        self.assertIn('\n3 stacks in 3.0 s: 1 converted, 1 already '
                      'convergence, 1 refused.\n', text)
        self.assertIn('\n1 stack in 3.0 s: 1 converted.\n',
                      self.print(report.Table, _outcome()))

    def test_summary_of_each_project(self):
        text = self.print(report.Table, _outcome(), self.refusal(
            resources='a')._replace(project='other'), by_project=True)
        self.assertIn('\n  other  1 refused\n  project  1 converted\n', text)

    def test_remedy_and_a_shared_fact_are_printed_once(self):
        for other, facts in (('b', 1), ('a', 0)):
            text = self.print(report.Table, self.refusal(resources='a'),
                              self.refusal(resources=other, stack_id=OTHER))
            self.assertIn('Refused: missing_resources, 2 stacks\n', text)
            self.assertEqual(1, text.count('does not have: a.\n'))
            self.assertEqual(facts, text.count('does not have: b.\n'))
            self.assertEqual(1, text.count('Update the stack, which creates'))
            self.forget()

    def test_stacks_with_a_reason_are_in_the_order_of_their_names(self):
        text = self.print(report.Table, self.refusal(resources='a'),
                          self.refusal(resources='a', name='db'))
        self.assertLess(text.index('  db\n'), text.index('  web\n'))

    def test_refused_come_last_before_the_summary(self):
        text = self.print(
            report.Table, self.refusal(resources='a'),
            _outcome(warnings=('Mind this.',)),
            _outcome(outcomes.FAILED, 'error', 'See here.'), list_all=False)
        self.assertEqual(
            ['Warned', 'Failed', 'Refused', '3 stacks'],
            re.findall('^(Warned|Failed|Refused|3 stacks)', text, re.M))
        self.assertIn('Failed: error, 1 stack\n', text)
        self.assertIn('\n    See here.\n', text)

    def test_a_named_stack_stands_in_the_report_once(self):
        text = self.print(
            report.Table, self.refusal(resources='a'),
            _outcome(stack_id=OTHER, warnings=('Mind this.',),
                     message='Added what was missing: x'))
        for once in (ID, OTHER, 'Mind this.', 'what was missing: x'):
            self.assertEqual(1, text.count(once), text)

    def test_a_warning_that_the_message_has_is_printed_once(self):
        text = self.print(report.Table, _outcome(
            message='Mind this. Or that.',
            warnings=('Mind this.', 'Or that.')))
        self.assertEqual(1, text.count('Mind this. Or that.\n'), text)
        self.assertEqual(1, text.count('Mind this.'), text)

    def test_wide_characters_take_two_columns(self):
        for name, shown in (
                ('\u540d' * 15, '\u540d' * 15 + ' '),
                ('\u540d' * 16, '\u540d' * 14 + '...'),
                ('\U0001f600' * 40, '\U0001f600' * 14 + '...'),
                ('e\u0301' * 31, 'e\u0301' * 31)):
            self.assertIn('%s  %s  converted\n' % (ID, shown),
                          self.print(report.Table, _outcome(name=name)))

    def test_of_many_stacks_only_those_with_something_to_say(self):
        found = [_outcome(stack_id='silent'), self.refusal(resources='a'),
                 _outcome(stack_id='warned', warnings=('Mind this.',))]
        text = self.print(report.Table, *found, list_all=False)
        self.assertNotIn('silent', text)
        self.assertIn('  %s  web' % ID, text)
        self.assertIn('  warned', text)
        self.assertIn('Mind this.', text)

    def test_long_has_every_stack_and_its_project(self):
        text = self.print(report.Table, _outcome(stack_id='silent'),
                          list_all=False, long=True)
        self.assertIn('converted\n    project  1 nested  2 resources  0.50 '
                      's\n', text)

    def test_default_fits_80_columns_with_the_whole_id(self):
        kind = migrate_exception.ImplicitDependencies
        text = self.print(report.Table, self.refusal(
            kind, name='n' * 100, resource='a' * 50, error='b c ' * 50),
            long=True)
        self.assertIn('\n%s  nnnnn...  refused    implicit_dependencies\n'
                      % ID, '\n' + text)
        text += self.print(report.Table, _outcome()._replace(
            project='f' * 32, nested=1234, resources=12345, seconds=123.45),
            long=True)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)

    def test_a_name_takes_what_the_reason_leaves_of_the_line(self):
        name = 'n' * 31
        self.assertIn('%s  %s  converted\n' % (ID, name),
                      self.print(report.Table, _outcome(name=name)))
        text = self.print(report.Table, _outcome(
            outcomes.REFUSED, 'locked', 'See here.', name=name), long=True)
        self.assertIn('%s  %s...  refused    locked\n' % (ID, 'n' * 20), text)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)

    def test_lines_with_wide_characters_fit_80_columns(self):
        text = self.print(report.Table, self.refusal(
            resources=', '.join(['\u540d' * 9] * 9)))
        lines = text.splitlines()
        self.assertIn('\u540d' * 9 + ',', text)
        self.assertLessEqual(max(map(wcwidth.wcswidth, lines)), 80)

    def test_exit_status_1_is_worded_for_what_it_is(self):
        busy, mend = ('is busy: run this again later, or with --retry.',
                      'is not in a state to be changed: follow the report')
        text = self.print(report.Table, self.refusal(
            migrate_exception.InProgress, action='UPDATE'))
        self.assertIn('1 stack ' + busy, text)
        self.assertNotIn(mend, text)
        text = self.print(report.Table, self.refusal(
            migrate_exception.NotComplete, state='UPDATE FAILED'))
        self.assertIn('1 stack ' + mend, text)

    def test_only_what_ends_by_itself_counts_as_busy(self):
        passing = {reason for reason in test_exception.reasons()
                   if reason.code in summary.PASSING}
        self.assertEqual({True}, {reason.transient for reason in passing})
        self.assertIn('1 stack is not in a state to be changed', self.print(
            report.Table, self.refusal(migrate_exception.Interrupted,
                                       action='UPDATE')))

    def test_list_of_all_stacks_is_printed_at_once(self):
        made = report.Table('convergence', stdout=self.stdout)
        made.add(_outcome())
        self.assertIn(ID, self.stdout.getvalue())

    def test_message_of_a_refused_stack_is_not_kept(self):
        made = report.Table('convergence', list_all=False, stdout=self.stdout)
        message = _Text(self.refusal(resources='a').message)
        kept = weakref.ref(message)
        made.add(_outcome(outcomes.REFUSED, 'missing_resources', message))
        del message
        self.assertIsNone(kept())

    def test_only_some_warnings_are_kept(self):
        found = [_outcome(stack_id=str(number), warnings=('Mind this.',))
                 for number in range(report.WARNED + 2)]
        text = self.print(report.Table, *found, list_all=False)
        self.assertIn('Warned: 12 stacks\n', text)
        self.assertEqual(report.WARNED, text.count('Mind this.'))
        self.assertIn('  and 2 more: --long lists all of them.\n', text)


class _Text(str):
    """A string that a test can find again."""


class JsonLinesTest(_ReportTestCase):

    def test_one_object_a_line_with_all_keys(self):
        self.print(report.JsonLines, _outcome(),
                   _outcome(outcomes.REFUSED, 'nested', 'a\nb\x1b\u2028'))
        lines = self.stdout.getvalue().splitlines()
        self.assertEqual(2, len(lines))
        self.assertEqual(
            {'id', 'name', 'project', 'outcome', 'code', 'message', 'nested',
             'resources', 'seconds', 'warnings'}, set(json.loads(lines[0])))
        self.assertEqual('a\nb\x1b\u2028', json.loads(lines[1])['message'])

    def test_summary_does_not_go_into_the_pipe(self):
        self.print(report.JsonLines)
        self.assertEqual('', self.stdout.getvalue())
        self.assertIn('0 stacks', self.stderr.getvalue())

    def test_lines_come_as_soon_as_a_stack_is_done(self):
        pipe = io.BytesIO()
        made = report.JsonLines('convergence', stdout=io.TextIOWrapper(pipe))
        made.add(_outcome())
        self.assertEqual(1, len(pipe.getvalue().splitlines()))


class _Terminal(io.StringIO):

    def isatty(self):
        return True


class ProgressTest(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.counts = report.Report('convergence')
        self.counts.add(_outcome())

    def show(self, stream, paused=False, bar=True, limit=None):
        made = progress.of(self.counts, 4, bar, stream, limit)
        made._begun -= 2
        made._next = 0
        for _moment in range(2):
            made(paused)
        text = stream.getvalue()
        made.close()
        return text

    def test_lines_where_there_is_no_terminal(self):
        self.assertRegex(
            self.show(io.StringIO()),
            r'\A 25 % in 0:00:0\d, 0:00:\d\d left, 0\.\d/s: '
            r'1 converted\n\Z')

    def test_what_needs_attention_stays_in_80_columns(self):
        for outcome, number in (
                (outcomes.ALREADY, 123), (outcomes.GONE, 12),
                (outcomes.REFUSED, 345), (outcomes.FAILED, 12),
                (outcomes.CONVERTED, 12345)):
            self.counts.counts[outcome] = number
        made = progress.of(self.counts, 20000, False, io.StringIO())
        self.assertIn(': 12345 converted, 345 refused, 12 failed',
                      made._line(False, 3723)[:80])

    def test_a_limit_is_the_end_of_the_run(self):
        self.assertIn(' 50 % in', self.show(io.StringIO(), limit=2))
        # Refused stacks do not count for it.
        self.counts.add(_outcome(outcomes.REFUSED, 'failed', ''))
        self.assertIn(' 50 % in', self.show(io.StringIO(), limit=2))

    def test_line_says_that_the_run_is_paused(self):
        self.assertIn('paused', self.show(io.StringIO(), paused=True))

    def test_no_line_before_its_time(self):
        stream = io.StringIO()
        progress.of(self.counts, 4, True, stream)(False)
        self.assertEqual('', stream.getvalue())

    def test_bar_on_a_terminal(self):
        self.assertIn('\u2501', self.show(_Terminal()))

    def test_no_bar_without_rich(self):
        with mock.patch('importlib.util.find_spec', return_value=None):
            self.assertNotIn('\u2501', self.show(_Terminal()))

    def test_no_bar_where_it_is_not_welcome(self):
        self.assertNotIn('\u2501', self.show(_Terminal(), bar=False))
