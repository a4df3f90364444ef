# SPDX-License-Identifier: Apache-2.0

import collections
import csv
import json
import pathlib
from unittest import mock

import fixtures
import testtools

from heat.tests import sources


DOCUMENTED = sources.CHECKOUT / 'doc' / 'source' / 'contributor'


def documented(table):
    return (DOCUMENTED / table).read_text().splitlines()


class DifferentialToolTest(testtools.TestCase):
    """The processes are replaced; each writes its figures and ends."""

    def setUp(self):
        super().setUp()
        self.tool = sources.load_tool('differential')
        self.csv = pathlib.Path(self.useFixture(fixtures.TempDir()).path,
                                'figures.csv')

    def run_tool(self, *args, found=({'root stacks': 2}, {'root stacks': 3}),
                 differences=(), returncode=0):
        """Run it with what each process finds; returns its exit status."""
        self.seeds = []

        def start(python, args, seed, figures):
            self.test = self.tool.test_of(args)
            figures.write_text(json.dumps(dict(
                found[len(self.seeds)], differences=differences)))
            self.seeds.append(seed)
            return mock.Mock(returncode=returncode)

        with mock.patch.object(self.tool, 'start', start), mock.patch(
                'sys.argv', ['differential.py', '--csv', str(self.csv), *args]
                ), mock.patch('signal.signal'):
            return self.tool.main()

    def test_figures_of_all_processes_are_added_up(self):
        self.assertEqual(0, self.run_tool('--seed', '7'))
        self.assertEqual([7, 8], self.seeds)
        self.assertEqual('What,Number\ndifferences,0\nroot stacks,5\n',
                         self.csv.read_text())

    def test_it_can_be_about_failed_stacks(self):
        for arguments, test in (((), self.tool.TEST),
                                (('--failed',), self.tool.TEST_OF_FAILED)):
            self.run_tool(*arguments)
            self.assertEqual(test, self.test)
            module, kind, name = test.rsplit('.', 2)
            text = (self.tool.CHECKOUT / (
                module.replace('.', '/') + '.py')).read_text()
            self.assertIn('class %s(' % kind, text)
            self.assertIn('def %s(' % name, text)

    def test_a_difference_or_a_run_that_compares_nothing_is_a_failure(self):
        for result in ({'differences': ['an example']}, {'returncode': 1},
                       {'found': ({}, {})}):
            self.assertEqual(1, self.run_tool(**result))

    def test_the_documented_run_had_no_difference_and_no_false_alarm(self):
        figures = dict(csv.reader(documented('differential.csv')))
        self.assertEqual('0', figures['differences'])
        self.assertGreater(int(figures['stacks verified']), 1000)

    def test_documented_failed_stacks_reach_the_goals_of_the_page(self):
        pairs = collections.Counter()
        for run in csv.DictReader(documented('differential-failed.csv')):
            self.assertEqual('0', run['Differences'], run)
            pairs[run['Heat'], run['Database']] += int(run['Pairs'])
        goals = {(heat, database): 300 for heat in ('22', '27')
                 for database in self.tool.DATABASES.values()}
        goals['27', 'MariaDB'] = 2000
        self.assertEqual({}, {what: pairs[what] for what, goal in
                              goals.items() if pairs[what] < goal})
