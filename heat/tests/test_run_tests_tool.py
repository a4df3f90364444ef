# SPDX-License-Identifier: Apache-2.0

import csv
import os
import pathlib
import subprocess
import sys
import time

import fixtures
from stestr.repository import util
from stestr import scheduler
import testtools

from heat import overlay_releases
from heat.tests import sources

TESTS = """\
import os, pathlib, time, unittest

def fail_once(name):
    if not os.path.exists(name):
        pathlib.Path(name).touch()
        raise ValueError(name)

class It(unittest.TestCase):
    def test_bad(self):
        self.fail('it broke')
    def test_bad_not(self):
        with open('runs', 'a') as runs:
            runs.write('.')
    @unittest.expectedFailure
    def test_expected(self):
        self.fail()
    @unittest.skip('no server')
    def test_left_out(self):
        pass
    @unittest.expectedFailure
    def test_unexpected(self):
        pass
    def test_unsteady(self):
        fail_once('first')

class Slow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        time.sleep(1)
    def test_slow(self):
        pass

class Whole(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        fail_once('second')
    def test_whole(self):
        pass

class Long(unittest.TestCase):
    def test_long(self):
        pathlib.Path('new').write_text(str(os.getpid()))
        os.rename('new', 'pid')
        time.sleep(600)
"""


class FolderTestCase(testtools.TestCase):
    """A folder with some tests."""

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (self.folder / '.stestr.conf').write_text(
            '[DEFAULT]\ntest_path=./tests\n')
        (self.folder / 'tests').mkdir()
        (self.folder / 'tests' / '__init__.py').touch()
        (self.folder / 'tests' / 'test_it.py').write_text(TESTS)


@testtools.skipIf(testtools.__version__ < (2, 9),
                  'Before testtools 2.9 a failed class is not a failure')
class RunTest(FolderTestCase):

    def run_tool(self, *arguments):
        """Run the tool on the folder; returns its status and its lines."""
        tool = sources.load_tool('run_tests')
        self.useFixture(fixtures.EnvironmentVariable('CI_REQUIRE_BACKENDS'))
        printed = self.useFixture(fixtures.StringStream('stdout')).stream
        for owner, name, value in (
                (tool, 'CHECKOUT', self.folder), (tool, 'WAITING', '1'),
                (tool, 'LOGS', self.folder / 'log'),
                (tool, 'unusable', lambda: ['rabbitmq']),
                (tool.signal, 'signal', lambda *_args: None),
                (sys, 'argv', ['run_tests.py', *arguments]),
                (sys, 'stdout', printed)):
            self.useFixture(fixtures.MockPatchObject(owner, name, value))
        status = tool.main()
        printed.seek(0)
        return status, printed.read().splitlines()

    def test_what_it_prints_and_its_exit_status(self):
        status, lines = self.run_tool('--only', 'test_it.(?!Long)', '--again')
        self.assertEqual(1, status)
        for line in (
                'ours: FAILED tests.test_it.It.test_bad',
                'left out: tests that need rabbitmq, which cannot be used '
                'here',
                'slow:    1 s  tests.test_it.Slow.test_slow',
                'unsteady: tests.test_it.It.test_unsteady',
                'unsteady: setUpClass (tests.test_it.Whole)',
                'failed: tests.test_it.It.test_bad',
                "        run it again: ./run_tests.sh --only "
                "'tests.test_it.It.test_bad'",
                'failed: tests.test_it.It.test_unexpected'):
            self.assertIn('run_tests: ' + line, lines)
        self.assertEqual('run_tests: FAILED: 5 passed, 2 failed, 1 skipped',
                         lines[-1])
        self.assertIn('it broke', (self.folder / 'log/ours.log').read_text())
        # Only what failed is run again.
        self.assertEqual('.', (self.folder / 'runs').read_text())

    def test_it_is_good_if_nothing_fails(self):
        status, lines = self.run_tool('--only', 'test_bad_not')
        self.assertEqual((0, 'run_tests: OK: 1 passed, 0 failed, 0 skipped'),
                         (status, lines[-1]))

    def test_the_command_that_repeats_a_failure(self):
        again = sources.load_tool('run_tests').again
        for step, name, expected in (
                ('unit', 'a.B.test_c(d)', "--only 'a.B.test_c'"),
                ('22-3.12', 'a.B.test_c on Heat 22 on Python 3.12',
                 "22-3.12 --only 'a.B.test_c'"),
                ('unit', 'stestr run: exit status 1', 'unit'),
                ('22-3.12', 'stestr run: exit status 1', '22-3.12')):
            self.assertEqual('./run_tests.sh ' + expected, again(step, name))

    def test_a_second_try_that_does_not_count(self):
        tool = sources.load_tool('stestr_run')
        for status, *second in (
                ('fail',), ('fail', ('c', 'fail')), ('fail', ('c', 'skip')),
                ('fail', ('c', 'success'), ('c', 'fail')),
                ('fail', ('d', 'success')),
                # The process died; no one knows what else it had to run.
                ('inprogress', ('c', 'success'))):
            first = tool.Count((tool.Result('a.B.c', status, 1),))
            self.assertEqual(['a.B.c'], tool.after_second_try(
                first, tool.Count(tuple(tool.Result(
                    'a.B.' + name, ended, 1) for name, ended in second)))
                .failed)


class KilledRunTest(FolderTestCase):
    """Tests end with the run that started them, even if that is killed."""

    RUN = """\
import os, pathlib, stestr_run
stestr_run.run(('--concurrency', '1', 'Long'), '.',
               stestr_run.with_interpreter(dict(os.environ)),
               pathlib.Path('log/run'), print)
"""

    #: Seconds in which a process must begin or end.
    PATIENCE = 60

    def wait_for(self, what, condition):
        until = time.monotonic() + self.PATIENCE
        while not condition():
            if time.monotonic() > until:
                self.fail('after %d s still not: %s' % (self.PATIENCE, what))
            time.sleep(0.05)

    def test_killed_run(self):
        run = subprocess.Popen(
            [sys.executable, '-c', self.RUN], cwd=self.folder,
            stdout=subprocess.DEVNULL,
            env=dict(os.environ, PYTHONPATH=str(sources.CHECKOUT / 'tools')))
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        pid = self.folder / 'pid'
        self.wait_for('the test runs', pid.exists)
        run.kill()
        running = pathlib.Path('/proc', pid.read_text())
        self.wait_for('the test has ended', lambda: not running.exists())


class TimesTest(FolderTestCase):

    def test_classes_with_long_tests_run_in_different_processes(self):
        tool = sources.load_tool('stestr_run')
        names = ['tests.test_it.%s.test_it' % letter for letter in 'ABC']
        tool.write_times(self.folder / 'times', tool.Count(tuple(
            tool.Result(name, 'success', seconds)
            for name, seconds in zip(names, (60.4, 0.9, 60)))))
        tool.know_times(self.folder / 'times', self.folder, os.environ)
        # Without the times, every second one.
        first, second, third = names
        self.assertEqual(
            [[first, second], [third]], scheduler.partition_tests(
                names, 2, util.get_repo_open(repo_url=str(self.folder)),
                None))

    def test_the_tests_of_the_table_are_there(self):
        with open(sources.CHECKOUT / 'tools' / 'times.csv') as table:
            names = [row['Test'] for row in csv.DictReader(table)]
        modules = {'.'.join(name.split('(')[0].split('.')[:-2])
                   for name in names}
        self.assertEqual([], [
            module for module in modules if not (
                sources.CHECKOUT / (module.replace('.', '/') + '.py')
            ).exists()])


class PairsTest(testtools.TestCase):

    def test_pair_without_its_python_is_a_failure_where_all_is_required(self):
        folder = self.useFixture(fixtures.TempDir()).path
        # It is another Python by that name.
        os.symlink(os.path.realpath(sys.executable),
                   os.path.join(folder, 'python3.99'))
        self.useFixture(fixtures.MockPatch('sys.stdout'))
        self.useFixture(fixtures.EnvironmentVariable('PATH', folder))
        for required, failed in (
                (None, []),
                ('1', ['Heat 27 on Python 3.99: no such Python here'])):
            self.useFixture(fixtures.EnvironmentVariable(
                'CI_REQUIRE_BACKENDS', required))
            self.assertEqual(failed, sources.load_tool('run_tests').on_pair(
                sources.load_tool('pairs').Pair('27', '3.99', 'nobody'),
                None).failed)

    def test_ci_has_each_release(self):
        often = {pair.heat for pair in sources.load_tool('pairs').PAIRS
                 if pair.often}
        self.assertEqual(set(overlay_releases.TESTED) - {'27'}, often)


class PlatformsTest(testtools.TestCase):
    """The table of the page "What runs where"."""

    def test_has_the_rows_of_the_pairs(self):
        platforms = sources.load_tool('platforms')
        rows = {(row.heat.partition('.')[0], row.python, row.tests): row
                for row in platforms.read()}
        for pair in sources.load_tool('pairs').PAIRS:
            row = rows.pop((pair.heat, pair.python, platforms.how(pair)))
            self.assertEqual(pair.ships, row.ships)
            pins = (sources.CHECKOUT / 'constraints' / (
                'heat%s.txt' % pair.heat)).read_text().lower()
            self.assertIn('\nsqlalchemy===%s\n' % row.sqlalchemy, pins)
            self.assertIn('\nopenstack-heat==%s\n' % row.heat, pins)
        self.assertLessEqual({row.tests for row in rows.values()}, {
            'CI: all', 'CI: the guide', '``tox -e debian``: the guide',
            'Not tested'})

    def test_nothing_failed_and_what_is_not_in_it_is_refused(self):
        rows = sources.load_tool('platforms').read()
        for row in rows:
            self.assertRegex(
                row.result, '^(Not recorded)?$' if row.tests == 'Not tested'
                else '^([1-9][0-9]* passed, 0 failed|Not recorded)$')
        pythons = {tuple(map(int, row.python.split('.'))) for row in rows}
        self.assertEqual(overlay_releases.PYTHONS,
                         (min(pythons), max(pythons)))
        self.assertEqual(set(overlay_releases.TESTED),
                         {row.heat.partition('.')[0] for row in rows})
