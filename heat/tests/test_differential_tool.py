# SPDX-License-Identifier: Apache-2.0

import json
import pathlib
from unittest import mock

import fixtures
import testtools

from heat.tests import sources


class DifferentialToolTest(testtools.TestCase):
    """The processes are made up; each leaves its figures and ends."""

    def setUp(self):
        super().setUp()
        self.tool = sources.load_tool('differential')
        self.csv = pathlib.Path(self.useFixture(fixtures.TempDir()).path,
                                'figures.csv')
        self.found = [{'root stacks': 2, 'differences': []},
                      {'root stacks': 3, 'differences': []}]
        self.status = 0

    def start(self, examples, seed, figures):
        self.seeds.append(seed)
        figures.write_text(json.dumps(self.found[len(self.seeds) - 1]))
        return mock.Mock(returncode=self.status)

    def run_tool(self, *args):
        self.seeds = []
        arguments = ['differential.py', '--csv', str(self.csv), *args]
        with mock.patch.object(self.tool, 'start', self.start), \
                mock.patch('sys.argv', arguments), mock.patch('signal.signal'):
            return self.tool.main()

    def test_figures_of_all_processes_are_added_up(self):
        self.assertEqual(0, self.run_tool())
        self.assertEqual('What,Number\ndifferences,0\nroot stacks,5\n',
                         self.csv.read_text())

    def test_each_process_has_a_seed_of_its_own(self):
        self.run_tool('--seed', '7')
        self.assertEqual([7, 8], self.seeds)

    def test_a_difference_is_a_failure(self):
        self.found[1]['differences'] = ['an example']
        self.assertEqual(1, self.run_tool())
        self.assertIn('differences,1\n', self.csv.read_text())

    def test_a_process_that_fails_is_a_failure(self):
        self.status = 1
        self.assertEqual(1, self.run_tool())

    def test_a_run_that_compared_nothing_is_a_failure(self):
        self.found = [{'differences': []}] * 2
        self.assertEqual(1, self.run_tool())
