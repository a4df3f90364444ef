# SPDX-License-Identifier: Apache-2.0

"""The lines with grep and jq of the guides find what they say."""

import json
import re
import shutil
import subprocess

import fixtures

from heat.cmd.migrate import convergence_status
from heat.cmd.migrate import parsers
from heat.tests.migrate import command_case as case
from heat.tests.migrate import log_file
from heat.tests.migrate import test_reference

MIGRATE = test_reference.DOCS / 'operator' / 'migrate.rst'


class ShellTestCase(case.CommandTestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir())

    def shell(self, line, **paths):
        """Run a line; returns what it prints.

        :param paths: files in place of those that it names
        """
        for path, instead in paths.items():
            self.assertIn(path, line)
            line = line.replace(path, instead)
        return subprocess.run(
            ['/bin/sh', '-c', line], cwd=self.folder.path, text=True,
            check=True, stdout=subprocess.PIPE).stdout.splitlines()

    def line(self, text, start):
        """The line of a text that begins so, without the prompt."""
        found, = re.findall(r'^ *(?:[$#] )?(%s .*)$' % start, text,
                            re.MULTILINE)
        return found

    def refused(self, name):
        stack_id = self.legacy(name)
        self.set_name(stack_id, 'other')
        return stack_id

    def write(self, name, *words):
        _status, out, _err = self.run_command(*words, '--format', 'json')
        with open(self.folder.join(name), 'w') as report:
            report.write(out)


class GrepTest(ShellTestCase):

    def test_what_was_refused_is_found_in_the_log(self):
        log = self.useFixture(log_file.LogFile())
        refused = [self.refused(name) for name in ('one', 'two')]
        self.legacy('three')
        self.run_command('migrate-convergence-1', '--all')
        line = self.line(MIGRATE.read_text(), 'grep')
        found = self.shell(line.replace('/var/log/heat/heat-engine.log',
                                        log.path))
        self.assertEqual(2, len(found))
        for stack_id, text in zip(refused, found):
            self.assertIn(stack_id, text)
            self.assertTrue(text.endswith(' [missing_resources]'))


class JqTest(ShellTestCase):

    def setUp(self):
        super().setUp()
        if shutil.which('jq') is None:
            self.skipTest('There is no jq')

    def test_what_a_dry_run_says_against_stacks(self):
        refused = self.refused('one')
        self.legacy('two')
        self.write('plan.jsonl', 'migrate-convergence-1', '--all',
                   '--dry-run')
        row, = self.shell(self.line(MIGRATE.read_text(), 'jq'))
        stack_id, code, message = row.split('\t')
        self.assertEqual((refused, 'missing_resources'), (stack_id, code))
        self.assertIn('The template of stack one', message)

    def test_which_stacks_to_run_again(self):
        busy = self.legacy('one')
        self.set_status(busy, 'IN_PROGRESS')
        self.refused('two')
        self.write('converted.jsonl', 'migrate-convergence-1', '--all')
        self.assertEqual([busy], self.shell(
            self.line(parsers._MIGRATE_EPILOG, 'jq')))

    def test_what_is_ready(self):
        self.legacy('one')
        self.set_status(self.legacy('two'), 'IN_PROGRESS')
        self.write('status.jsonl', 'convergence-status')
        line = self.line(convergence_status.EPILOG, 'heat-manage .* jq')
        found = self.shell('cat status.jsonl |' + line.partition('|')[2])
        self.assertEqual('ready', json.loads(' '.join(found))['state'])


class AllTest(case.CommandTestCase):

    def test_there_is_no_other_line_with_grep_or_jq(self):
        found = []
        for page in [*test_reference.DOCS.rglob('*.rst'),
                     test_reference.sources.CHECKOUT / 'README.rst']:
            found += re.findall(r'^ +(?:[$#] )?(?:.* )?\b(grep|jq) ',
                                page.read_text(), re.MULTILINE)
        # That of the first page is run by the test of the demonstration.
        self.assertEqual(['grep', 'grep', 'jq'], sorted(found))
