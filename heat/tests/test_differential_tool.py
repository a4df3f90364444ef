# SPDX-License-Identifier: Apache-2.0

import csv
import json
import os
import pathlib
import signal
from unittest import mock

import fixtures
import testtools

from heat.tests import sources


class DifferentialToolTest(testtools.TestCase):
    """The processes are replaced; each writes its figures and ends."""

    def setUp(self):
        super().setUp()
        self.tool = sources.load_tool('differential')
        self.csv = pathlib.Path(self.useFixture(fixtures.TempDir()).path,
                                'figures.csv')
        self.found = [{'root stacks': 2, 'differences': []},
                      {'root stacks': 3, 'differences': []}]
        self.status = 0

    def start(self, python, args, seed, figures):
        self.test = self.tool.test_of(args)
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
        self.assertEqual(0, self.run_tool('--seed', '7'))
        self.assertEqual([7, 8], self.seeds)
        self.assertEqual('What,Number\ndifferences,0\nroot stacks,5\n',
                         self.csv.read_text())

    def test_a_line_for_each_process_is_added_to_those_of_other_runs(self):
        runs = self.csv.with_name('runs.csv')
        self.found[0].update({
            'operations': 9, 'faults of native stacks: stuck': 1,
            'seconds': 125, 'CPU seconds': 61})
        for seed in '7', '9':
            self.run_tool('--seed', seed, '--examples', '9', '--runs',
                          str(runs), '--database', 'mysql')
        columns, first, *others = csv.reader(runs.read_text().splitlines())
        self.assertEqual(list(self.tool.RUN), columns)
        self.assertEqual(
            ['MariaDB', '7', '5', '2', '9', '1', '0', '2.1', '1.0'], first[2:])
        self.assertEqual(['8', '9', '10'], [row[3] for row in others])

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

    def test_a_difference_is_a_failure(self):
        self.found[1]['differences'] = ['an example']
        self.assertEqual(1, self.run_tool())
        self.assertIn('differences,1\n', self.csv.read_text())

    def test_a_run_that_fails_or_compares_nothing_is_a_failure(self):
        self.status = 1
        self.assertEqual(1, self.run_tool())
        self.status, self.found = 0, [{'differences': []}] * 2
        self.assertEqual(1, self.run_tool())

    def test_another_interrupt_does_not_disturb_the_end(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        ended = mock.Mock()
        ended.poll.side_effect = KeyboardInterrupt
        ended.wait.side_effect = lambda: os.kill(os.getpid(), signal.SIGINT)
        self.assertTrue(self.tool.wait([ended], []))
        ended.terminate.assert_called_once()

    def test_the_documented_run_had_no_difference_and_no_false_alarm(self):
        table = (self.tool.CHECKOUT / 'doc' / 'source' / 'contributor' /
                 'differential.csv').read_text()
        figures = dict(csv.reader(table.splitlines()))
        self.assertEqual('0', figures['differences'])
        self.assertGreater(int(figures['stacks verified']), 1000)
