# SPDX-License-Identifier: Apache-2.0

import datetime
import io
import os
import pathlib
import re
import subprocess
import sys
import time

import fixtures
import testtools
from testtools import content

from heat import overlay_releases
from heat.tests import sources


class ScreenTest(testtools.TestCase):
    """The output while tests run, and the stored results."""

    def setUp(self):
        super().setUp()
        self.tool = sources.load_tool('stestr_run')
        self.lines = []
        self.log = io.StringIO()
        self.screen = self.tool._Screen(
            lambda message, *args: self.lines.append(message % args),
            self.log)

    def end(self, name, status='success', since=0, until=1, details=None,
            worker='worker-0'):
        self.screen.add({
            'id': name, 'status': status, 'tags': {worker},
            'details': details or {}, 'timestamps': [
                datetime.datetime.fromtimestamp(moment, datetime.timezone.utc)
                for moment in (since + 1000, until + 1000)]})

    def test_statuses_are_counted(self):
        for name, status in (('a', 'success'), ('b', 'xfail'), ('c', 'skip'),
                             ('d', 'fail'), ('e', 'uxsuccess')):
            self.end(name, status)
        count = self.tool.Count(tuple(self.screen.results))
        self.assertEqual((2, ['d', 'e'], ['c']),
                         (count.passed, count.failed, count.skipped))

    def test_set_up_of_a_class_counts_for_its_first_test(self):
        self.end('a', since=0, until=2)
        self.end('b', since=7, until=8)
        self.end('c', since=7, until=8, worker='worker-1')
        self.assertEqual([2, 6, 1], [round(result.seconds) for result
                                     in self.screen.results])

    def test_failure_is_shown_at_once_and_logged(self):
        self.end('a', 'fail', details={
            'traceback': content.text_content('it broke')})
        self.assertEqual(['FAILED a'], self.lines)
        self.assertIn('it broke', self.log.getvalue())


class KilledRunTest(testtools.TestCase):
    """Tests end with the run that started them, even if that is killed."""

    LONG_TEST = """\
import os, pathlib, time, unittest


class LongTest(unittest.TestCase):

    def test_long(self):
        pathlib.Path('new').write_text(str(os.getpid()))
        os.rename('new', 'pid')
        time.sleep(%d)
"""

    RUN = """\
import os, pathlib, stestr_run
stestr_run.run(('--concurrency', '1'), '.',
               stestr_run.with_interpreter(dict(os.environ)),
               pathlib.Path('log/run'), print)
"""

    #: Seconds in which a process must begin or end.
    PATIENCE = 60

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (self.folder / '.stestr.conf').write_text(
            '[DEFAULT]\ntest_path=./tests\n')
        (self.folder / 'tests').mkdir()
        (self.folder / 'tests' / '__init__.py').touch()
        (self.folder / 'tests' / 'test_long.py').write_text(
            self.LONG_TEST % (10 * self.PATIENCE))

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


class NamesTest(testtools.TestCase):
    """The names of failed tests, and the command that repeats each."""

    def test_selector(self):
        selector = sources.load_tool('stestr_run').selector
        for name in ('a.B.test_c', 'a.B.test_c(some (x))',
                     'a.B.test_c on Heat 22 on Python 3.11'):
            self.assertEqual('a.B.test_c', selector(name))
        self.assertEqual('a.B', selector('setUpClass (a.B)'))

    def test_command(self):
        again = sources.load_tool('run_tests').again
        for step, name, expected in (
                ('unit', 'a.B.test_c(d)', "--only 'a.B.test_c'"),
                ('22-3.12', 'a.B.test_c on Heat 22 on Python 3.12',
                 "22-3.12 --only 'a.B.test_c'"),
                ('unit', 'stestr run: exit status 1', 'unit'),
                ('22-3.12', 'stestr run: exit status 1', '22-3.12')):
            self.assertEqual('./run_tests.sh ' + expected, again(step, name))


class SecondTryTest(testtools.TestCase):
    """A test that failed and then passed by itself is unsteady."""

    def second_try(self, failed, second, status='fail'):
        tool = sources.load_tool('stestr_run')
        first = tool.Count((tool.Result('a.B.test_good', 'success', 1),
                            tool.Result(failed, status, 1)))
        return tool.after_second_try(first, tool.Count(tuple(
            tool.Result(*result, 1) for result in second)))

    def test_one_that_passes_is_named_and_is_no_failure(self):
        for failed, second in (
                ('a.B.test_c', 'a.B.test_c'),
                ('a.B.test_c(x)', 'a.B.test_c(x)'),
                ('setUpClass (a.B)', 'a.B.test_c')):
            count = self.second_try(failed, [(second, 'success')])
            self.assertEqual((2, [], [failed]),
                             (count.passed, count.failed, count.unsteady))

    def test_one_that_fails_again_stays_a_failure(self):
        for second in ([('a.B.test_c', 'fail')], [],
                       [('a.B.test_c', 'success'), ('a.B.test_c', 'fail')],
                       [('a.B.test_c', 'skip')], [('a.B.test_d', 'success')]):
            count = self.second_try('a.B.test_c', second)
            self.assertEqual((['a.B.test_c'], []),
                             (count.failed, count.unsteady))

    def test_one_whose_process_died_stays_a_failure(self):
        # The process had others to run, which no one knows of.
        count = self.second_try('a.B.test_c', [('a.B.test_c', 'success')],
                                status='inprogress')
        self.assertEqual((['a.B.test_c'], []),
                         (count.failed, count.unsteady))

    def test_a_class_may_have_tests_that_are_left_out(self):
        count = self.second_try('setUpClass (a.B)', [
            ('a.B.test_c', 'success'), ('a.B.test_d', 'skip')])
        self.assertEqual([], count.failed)

    def test_only_what_failed_is_run_again(self):
        again = sources.load_tool('run_tests').any_of(
            ['a.B.test_c(x)', 'a.B.test_c(y)', 'setUpClass (a.D)'])
        names = ('a.B.test_c', 'a.B.test_c(x)', 'a.B.test_cd', 'a.D.test_e',
                 'a.DE.test_f', 'b.a.B.test_c')
        self.assertEqual(
            ['a.B.test_c', 'a.B.test_c(x)', 'a.D.test_e'],
            [name for name in names if re.search(again, name)])


class PairsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.pairs = sources.load_tool('pairs')
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.useFixture(fixtures.EnvironmentVariable('HOME',
                                                     str(self.folder)))
        self.useFixture(fixtures.EnvironmentVariable('PATH',
                                                     str(self.folder)))

    def test_python_is_found_by_its_version(self):
        version = '%d.%d' % sys.version_info[:2]
        for name in ('python' + version, 'python3.99'):
            (self.folder / name).symlink_to(os.path.realpath(sys.executable))
        self.assertEqual(str(self.folder / ('python' + version)),
                         self.pairs.find_python(version))
        # The first is another Python by that name, and the second is missing.
        for missing in ('3.99', '3.98'):
            self.assertIsNone(self.pairs.find_python(missing))

    def test_pair_without_its_python_is_a_failure_where_all_is_required(self):
        for required, failed in (
                (None, []),
                ('1', ['Heat 27 on Python 3.99: no such Python here'])):
            self.useFixture(fixtures.EnvironmentVariable(
                'CI_REQUIRE_BACKENDS', required))
            self.assertEqual(failed, self.run_without_python().failed)

    def run_without_python(self):
        printed = self.useFixture(fixtures.StringStream('stdout')).stream
        self.useFixture(fixtures.MonkeyPatch('sys.stdout', printed))
        return sources.load_tool('run_tests').on_pair(
            self.pairs.Pair('27', '3.99', 'nobody'), None)

    def test_each_pair_has_constraints(self):
        for pair in self.pairs.PAIRS:
            self.assertTrue((sources.CHECKOUT / 'constraints' / (
                'heat%s.txt' % pair.heat)).exists(), pair.name)

    def test_ci_has_each_release(self):
        often = {pair.heat for pair in self.pairs.PAIRS if pair.often}
        self.assertEqual(set(overlay_releases.TESTED) - {'27'}, often)


class PlatformsTest(testtools.TestCase):
    """The table of the page "What runs where"."""

    def setUp(self):
        super().setUp()
        self.platforms = sources.load_tool('platforms')
        self.pairs = sources.load_tool('pairs').PAIRS
        self.table = pathlib.Path(self.useFixture(
            fixtures.TempDir()).path) / 'table.csv'
        self.table.write_text(','.join(self.platforms.Row._fields) + '\n')

    def rows(self):
        return {(row.heat.partition('.')[0], row.python, row.tests): row
                for row in self.platforms.read()}

    def test_has_the_rows_of_the_pairs(self):
        rows = self.rows()
        for pair in self.pairs:
            row = rows.pop((pair.heat, pair.python, self.platforms.how(pair)))
            self.assertEqual(pair.ships, row.ships)
            pins = (sources.CHECKOUT / 'constraints' / (
                'heat%s.txt' % pair.heat)).read_text().lower()
            self.assertIn('\nsqlalchemy===%s\n' % row.sqlalchemy, pins)
            self.assertIn('\nopenstack-heat==%s\n' % row.heat, pins)
        self.assertLessEqual({row.tests for row in rows.values()}, {
            'CI: all', 'CI: the guide', '``tox -e debian``: the guide',
            'Not tested'})

    def test_nothing_failed(self):
        for row in self.platforms.read():
            self.assertRegex(
                row.result, '^(Not recorded)?$' if row.tests == 'Not tested'
                else '^([1-9][0-9]* passed, 0 failed|Not recorded)$')

    def test_what_is_not_in_the_table_is_refused(self):
        rows = self.platforms.read()
        oldest, newest = overlay_releases.PYTHONS
        pythons = {tuple(map(int, row.python.split('.'))) for row in rows}
        self.assertEqual((oldest, newest), (min(pythons), max(pythons)))
        self.assertEqual(set(overlay_releases.TESTED),
                         {row.heat.partition('.')[0] for row in rows})

    def test_row_takes_the_place_of_the_older_one(self):
        row = self.platforms.Row('22.0.1', '3.9', '1.4.51', 'a', 'CI: x', '1')
        for new in (row, row._replace(python='3.10'),
                    row._replace(heat='22.0.2', result='2')):
            self.platforms.record(new, self.table)
        self.assertEqual(
            [('22.0.2', '3.9', '2'), ('22.0.1', '3.10', '1')],
            [(row.heat, row.python, row.result)
             for row in self.platforms.read(self.table)])
