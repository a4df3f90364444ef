# SPDX-License-Identifier: Apache-2.0

"""The lines with grep and jq in the guides work."""

import json
import re
import shutil
import subprocess

import fixtures

from heat.cmd.migrate import epilogs
from heat.cmd.migrate import summary
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
        """The line of a text with this beginning, without the prompt."""
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

    def test_refusals_are_found_in_the_log(self):
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

    def test_reasons_of_a_dry_run(self):
        refused = self.refused('one')
        self.legacy('two')
        self.write('plan.jsonl', 'migrate-convergence-1', '--all',
                   '--dry-run')
        row, = self.shell(self.line(MIGRATE.read_text(), 'jq'))
        stack_id, code, message = row.split('\t')
        self.assertEqual((refused, 'missing_resources'), (stack_id, code))
        self.assertIn('The template of stack one', message)

    def test_which_stacks_to_run_again(self):
        with open(self.folder.join('converted.jsonl'), 'w') as report:
            for code in (None, 'failed', *sorted(summary.PASSING)):
                print(json.dumps({'id': code, 'code': code}), file=report)
        self.assertEqual(sorted(summary.PASSING), self.shell(
            self.line(epilogs.MIGRATE.replace('\\\n', ''), 'jq')))

    def test_ready_stacks(self):
        self.legacy('one')
        self.set_status(self.legacy('two'), 'IN_PROGRESS')
        self.write('status.jsonl', 'convergence-status')
        line = self.line(epilogs.STATUS, 'heat-manage .* jq')
        found = self.shell('cat status.jsonl |' + line.partition('|')[2])
        self.assertEqual('ready', json.loads(' '.join(found))['state'])


class AllTest(case.CommandTestCase):

    def test_there_is_no_other_line_with_another_program(self):
        found = []
        for page in [*test_reference.DOCS.rglob('*.rst'),
                     test_reference.sources.CHECKOUT / 'README.rst']:
            found += re.findall(
                r'^ +(?:[$#] )?(?:\S.* )?'
                r'\b(grep|jq|awk|sed|xargs|mysql|mysqldump|psql|pg_dump) ',
                page.read_text(), re.MULTILINE)
        # Those of README and of the databases are run by
        # heat.tests.functional.guides.
        self.assertEqual(['grep', 'grep', 'jq', 'mysql', 'mysql', 'mysql',
                          'mysqldump'], sorted(found))
