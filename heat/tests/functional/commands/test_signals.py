# SPDX-License-Identifier: Apache-2.0

"""Pause, stop and resume a run over many stacks."""

import os
import signal

from heat.db import models
from heat.tests.functional.commands import command
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import held_table
from heat.tests.functional.harness import processes

#: Stacks that take long enough for a test to act meanwhile; --max-rate limits
#: how many begin.
SLOWLY = ('--max-rate', '2')


def _children(pid):
    """The pids of the processes that a process has started."""
    path = '/proc/%d/task/%d/children' % (pid, pid)
    with open(path) as children:
        return [int(child) for child in children.read().split()]


class RunTest(command.CommandTestCase):

    def begin(self, *arguments):
        """Start a run over all stacks; returns once one is converted."""
        run = self.commands.start('migrate-convergence-1', '--all',
                                  '--format', 'json', *arguments)
        run.wait_until(run.outcomes, 'first outcome')
        return run

    def assertResumes(self, run, ids):
        """What was printed is converted, and another run does the rest."""
        done = set(run.outcomes())
        self.assertEqual({True: len(done), False: len(ids) - len(done)},
                         self.convergence())
        rest = self.report('migrate-convergence-1', '--all')
        self.assertEqual(set(ids) - done, set(rest))
        self.assertEqual({stack_id: 1 for stack_id in ids},
                         self.conversions())

    def test_sigterm_and_ctrl_c_end_it_after_the_stacks_in_hand(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            ids = self.create_many(20)
            run = self.begin('--workers', '2', *SLOWLY)
            # As a terminal does for Ctrl-C, and systemd to stop a unit.
            for pid in [run.pid] + _children(run.pid):
                os.kill(pid, number)
            self.assertEqual(1, run.wait(), run.log())
            self.assertIn(', by a signal', run.log())
            self.assertIn('; a second signal stops at once', run.log())
            self.assertNotIn('Traceback', run.log())
            self.assertResumes(run, ids)
            self._forget_stacks()

    def test_killed_command_leaves_no_process_and_can_be_run_again(self):
        ids = self.create_many(20)
        run = self.begin('--workers', '2', *SLOWLY)
        children = _children(run.pid)
        self.assertEqual(2, len(children))
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        for child in children:
            processes.wait_until(
                lambda: not os.path.exists('/proc/%d' % child),
                'end of worker %d' % child)
        self.report('migrate-convergence-1', '--all')
        self.assertEqual({stack_id: 1 for stack_id in ids},
                         self.conversions())

    def test_death_of_a_worker_costs_no_more_than_the_stack_in_its_hand(self):
        ids = self.create_many(20)
        run = self.begin('--workers', '1', *SLOWLY)
        worker, = _children(run.pid)
        os.kill(worker, signal.SIGKILL)
        self.assertEqual(2, run.wait(), run.log())
        outcomes = run.outcomes()
        self.assertEqual(set(ids), set(outcomes))
        died, = [outcome for outcome in outcomes.values()
                 if outcome['outcome'] != 'converted']
        self.assertEqual(('failed', 'worker_died'),
                         (died['outcome'], died['code']))
        self.assertIn('signal 9', died['message'])

    def test_no_stack_begins_while_the_pause_file_exists(self):
        ids = self.create_many(5)
        path = os.path.join(self.commands.folder, 'pause')
        open(path, 'w').close()
        run = self.commands.start('migrate-convergence-1', '--all',
                                  '--format', 'json', '--pause-file', path)
        run.wait_until(lambda: 'paused' in run.log(), 'pause')
        self.assertEqual({False: 5}, self.convergence())
        os.unlink(path)
        self.assertEqual(0, run.wait(), run.log())
        self.assertEqual(set(ids), set(run.outcomes()))

    def test_paused_run_can_be_stopped(self):
        self.create_many(2)
        run = self.commands.start('migrate-convergence-1', '--all',
                                  '--pause-file', self.commands.folder)
        run.wait_until(lambda: 'paused' in run.log(), 'pause')
        os.kill(run.pid, signal.SIGTERM)
        self.assertEqual(1, run.wait(), run.log())
        self.assertEqual({False: 2}, self.convergence())

    def test_reader_of_the_report_that_goes_away_ends_it_quietly(self):
        self.create_many(20)
        reader, writer = os.pipe()
        os.close(reader)
        done = self.commands.run('migrate-convergence-1', '--all', '--format',
                                 'json', stdout=writer)
        os.close(writer)
        self.assertEqual(2, done.returncode)
        self.assertNotIn('Traceback', done.stderr)
        self.assertNotIn('BrokenPipe', done.stderr)

    def test_log_goes_to_its_file_and_never_into_the_report(self):
        ids = self.create_many(2)
        log = os.path.join(self.commands.folder, 'heat.log')
        done = self.commands.run('--log-file', log, 'migrate-convergence-1',
                                 '--all', '--workers', '1')
        self.assertEqual(0, done.returncode, done.stderr)
        with open(log) as lines:
            text = lines.read()
        for stack_id in ids:
            self.assertEqual(1, text.count('(%s): Converted to' % stack_id))
        self.assertNotIn('INFO', done.stdout + done.stderr)
        for noise in 'Registered:', 'is HIDDEN', 'alembic':
            self.assertNotIn(noise, text)

    def test_log_that_cannot_be_written_stops_no_conversion(self):
        stack_id, = self.create_many(1)
        for option in ('--log-file', '--log-dir', '--log-config-append'):
            done = self.commands.run(option, '/dev/null/heat',
                                     'migrate-convergence-1', stack_id)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn('\nNo log is written: ', '\n' + done.stderr)
            # Only errors are shown, as without any of these options.
            self.assertNotIn(' INFO ', done.stderr)
            self.assertNotIn('Traceback', done.stderr)
        self.assertEqual({True: 1}, self.convergence())

    def test_each_conversion_leaves_one_event(self):
        stack_id, = self.create_many(1)
        self.report('migrate-convergence-1', stack_id)
        event, = self.database.rows(models.Event, resource_action='MIGRATE')
        self.assertEqual((stack_id, 'COMPLETE'),
                         (event['stack_id'], event['resource_status']))
        self.assertIn('by the operator', event['_resource_status_reason'])


class UnknownTest(command.CommandTestCase):

    backend = databases.MYSQL

    def test_stopped_run_whose_worker_died_does_not_say_it_changed_nothing(
            self):
        self.create_many(4)
        with held_table.held(self.database, models.Stack):
            run = self.commands.start('migrate-convergence-1', '--all',
                                      '--workers', '1', '--format', 'json')
            # It starts slowly on a busy machine.
            run.wait_until(lambda: 'Database' in run.log(), 'heading', 300)
            held_table.wait_for_waiting(self.database, 1)
            os.kill(run.pid, signal.SIGTERM)
            run.wait_until(lambda: 'Finishing' in run.log(), 'answer')
            worker, = _children(run.pid)
            os.kill(worker, signal.SIGKILL)
            # Nobody can tell what the worker has written while others wait
            # for the table.
            self.assertEqual(2, run.wait(), run.log())
        self.assertNotIn('nothing was changed', run.log())
        outcomes = run.outcomes().values()
        # A batch is a half of the stacks here.
        self.assertEqual([('failed', 'database')] * 2, [
            (outcome['outcome'], outcome['code']) for outcome in outcomes])
        for outcome in outcomes:
            self.assertIn('may have changed', outcome['message'])
