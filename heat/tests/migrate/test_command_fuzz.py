# SPDX-License-Identifier: Apache-2.0

"""Run heat-manage with random arguments and random stack names."""

import io
import json
import unicodedata

import fixtures
import hypothesis
from hypothesis import strategies

from heat.cmd.migrate import convergence_status
from heat.cmd.migrate import outcome
from heat.cmd.migrate import report
from heat.cmd.migrate import summary
from heat.db.migrate import counts as migrate_counts
from heat.tests.migrate import command_case as case
from heat.tests.migrate import fixtures as migrate_fixtures

SETTINGS = hypothesis.settings(
    max_examples=50, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(hypothesis.HealthCheck))

COMMANDS = ('migrate-convergence-1', 'migrate_convergence_1',
            'revert-convergence-1', 'convergence-status')

TEXT = strategies.text(alphabet=strategies.characters(codec='utf-8'))

# Without worker processes, engines and pause files.
WORDS = strategies.sampled_from((
    '--all', '--dry-run', '--verify', '--repair', '--project', '--format',
    'json', 'table', '--limit', '--max-rate', '1', '0', '-1', '1e400', 'nan',
    '--help', '--', '-', '', '00000000-0000-0000-0000-000000000000',
    '{stack}', "' OR '1'='1", '%s%n', '\x1b[2J\x00')) | TEXT


def control_characters(text):
    """The control characters of a text, without the ends of lines."""
    return [char for char in text.replace('\n', '')
            if unicodedata.category(char) in ('Cc', 'Zl', 'Zp')]


class WordsTest(case.CommandTestCase):

    def setUp(self):
        super().setUp()
        self.stack_id = self.legacy()
        self.set_status(self.stack_id, 'FAILED')

    @SETTINGS
    @hypothesis.given(command=strategies.sampled_from(COMMANDS),
                      words=strategies.lists(WORDS, max_size=5))
    def test_an_exit_status_and_never_a_traceback_or_a_changed_row(
            self, command, words):
        words = [self.stack_id if word == '{stack}' else word
                 for word in words]
        before = migrate_fixtures.rows(self.ctx, self.stack_id)
        try:
            ended, out, err = self.run_command(command, *words)
        except SystemExit as exc:
            # argparse has printed an error or the help.
            ended, out, err = exc.code, 'usage', ''
        self.assertIn(ended, (summary.DONE, summary.RUN_AGAIN,
                              summary.FAILED))
        self.assertTrue(out or err)
        self.assertNotIn('Traceback', out + err)
        self.assertEqual([], control_characters(out + err))
        self.assertEqual(before,
                         migrate_fixtures.rows(self.ctx, self.stack_id))


class OutputTest(case.CommandTestCase):
    """Names and messages with anything in them."""

    def outcome(self, text):
        return outcome.Outcome(*[
            text if field in ('name', 'project', 'message', 'code') else
            (text,) if field == 'warnings' else 1
            for field in outcome.Outcome._fields])

    def printed(self, kind, text):
        out, err = io.StringIO(), io.StringIO()
        made = kind('legacy', stdout=out, stderr=err)
        made.add(self.outcome(text))
        made.end(1.0)
        self.assertEqual([], control_characters(
            out.getvalue() + err.getvalue()))
        return out.getvalue()

    @SETTINGS
    @hypothesis.example(text='\x1b]0;title\x07\x7f\x9b\u2028\n\r')
    @hypothesis.given(text=strategies.text())
    def test_json_is_a_line_without_control_characters(self, text):
        line, = self.printed(report.JsonLines, text).splitlines()
        self.assertEqual(text, json.loads(line)['name'])

    @SETTINGS
    @hypothesis.example(text='\x1b]0;title\x07\x7f\x9b\u2028\n\r')
    @hypothesis.given(text=TEXT)
    def test_a_table_has_no_control_characters(self, text):
        self.printed(report.Table, text)

    def test_the_json_of_the_status_has_none_either(self):
        tally = migrate_counts.Tally(*[
            '\x7f\x1b' if field == 'project' else 0
            for field in migrate_counts.Tally._fields])
        out = io.StringIO()
        with fixtures.MonkeyPatch('sys.stdout', out):
            convergence_status.show([tally], 'json')
        self.assertEqual([], control_characters(out.getvalue()))
        self.assertEqual('\x7f\x1b', json.loads(out.getvalue())['project'])
