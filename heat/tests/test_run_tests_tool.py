# SPDX-License-Identifier: Apache-2.0

import datetime
import io
import os
import pathlib
import sys

import fixtures
import testtools
from testtools import content

from heat.tests import sources


class ScreenTest(testtools.TestCase):
    """What is printed while tests run, and what is kept of them."""

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

    def test_line_now_and_then_names_what_runs(self):
        self.screen._said -= self.tool.EVERY
        self.screen.status(test_id='x.y.test_z(one)', test_status='inprogress')
        self.screen.tick()
        self.screen.tick()
        self.assertEqual(1, len(self.lines))
        self.assertIn('now test_z 0 s', self.lines[0])


class SelectorTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.selector = sources.load_tool('stestr_run').selector

    def test_test(self):
        self.assertEqual('a.B.test_c', self.selector('a.B.test_c'))

    def test_test_of_a_value(self):
        self.assertEqual('a.B.test_c', self.selector('a.B.test_c(some (x))'))

    def test_class_that_cannot_be_set_up(self):
        self.assertEqual('a.B', self.selector('setUpClass (a.B)'))

    def test_test_on_another_release(self):
        self.assertEqual('a.B.test_c', self.selector(
            'a.B.test_c on Heat 22 on Python 3.11'))


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
        python = self.folder / ('python' + version)
        python.symlink_to(os.path.realpath(sys.executable))
        self.assertEqual(str(python), self.pairs.find_python(version))

    def test_command_that_is_another_python_is_none(self):
        (self.folder / 'python3.99').symlink_to(
            os.path.realpath(sys.executable))
        self.assertIsNone(self.pairs.find_python('3.99'))

    def test_missing_python_is_none(self):
        self.assertIsNone(self.pairs.find_python('3.11'))

    def test_page_tells_where_each_pair_is_run(self):
        page = self.page('doc/source/operator/releases.rst')
        for pair in self.pairs.PAIRS:
            tested = ('CI: telling tests' if pair.often
                      else '``tox -e matrix``')
            self.assertIn((pair.heat, pair.python, tested), page)

    def page(self, name):
        """Return (Heat, Python, tested) of each row of the page's table."""
        text = (sources.CHECKOUT / name).read_text()
        rows, heat = set(), None
        for row in text.split('   * -')[1:]:
            cells = [cell.strip() for cell in row.split('\n\n')[0].split(
                '     -')]
            heat = cells[0].partition(' ')[0] or heat
            rows.add((heat, cells[1], cells[-1]))
        return rows

    def test_pair_without_its_python_is_left_out(self):
        self.useFixture(fixtures.EnvironmentVariable('CI_REQUIRE_BACKENDS'))
        self.assertEqual((), self.run_without_python().results)

    def test_pair_without_its_python_is_a_failure_where_all_is_required(self):
        self.useFixture(fixtures.EnvironmentVariable('CI_REQUIRE_BACKENDS',
                                                     '1'))
        self.assertEqual(['Heat 27 on Python 3.99: no such Python here'],
                         self.run_without_python().failed)

    def run_without_python(self):
        printed = self.useFixture(fixtures.StringStream('stdout')).stream
        self.useFixture(fixtures.MonkeyPatch('sys.stdout', printed))
        return sources.load_tool('run_tests').on_pair(
            self.pairs.Pair('27', '3.99', '.'), None)

    def test_each_pair_has_constraints(self):
        for pair in self.pairs.PAIRS:
            self.assertTrue((sources.CHECKOUT / 'constraints' / (
                'heat%s.txt' % pair.heat)).exists(), pair.name)
