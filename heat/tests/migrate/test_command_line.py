# SPDX-License-Identifier: Apache-2.0

import argparse
import io
import os
import subprocess
import sys
import uuid

import fixtures
from oslo_db import exception as db_exception

from heat.cmd import manage
from heat.cmd.migrate import commands
from heat.cmd.migrate import errors
from heat.tests import common
from heat.tests.migrate import command_case as case
from heat.tests import sources


# heat-manage that gets Ctrl-C when it comes to load our commands.
_INTERRUPTED = """
import os, signal, sys
sys.argv = ['/usr/bin/heat-manage']
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == 'heat.cmd.migrate':
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
import heat.cmd.manage
"""


class ArgumentsTest(case.CommandTestCase):
    """What cannot be is told in one line, and nothing is done."""

    def error(self, *words):
        status, out, err = self.run_command(*words)
        self.assertEqual((2, ''), (status, out))
        line, = err.splitlines()
        return line

    def test_neither_ids_nor_all(self):
        self.assertIn('or --all', self.error('migrate-convergence-1'))

    def test_both_ids_and_all(self):
        self.assertIn('not both', self.error(
            'migrate-convergence-1', '--all', str(uuid.uuid4())))

    def test_malformed_id_leaves_the_other_stacks_alone(self):
        stack_id = self.legacy()
        self.assertIn('web is not the id of a stack', self.error(
            'migrate-convergence-1', stack_id, 'web'))
        self.assertFalse(self.is_convergence(stack_id))

    def test_project_without_all(self):
        self.assertIn('--project', self.error(
            'migrate-convergence-1', '--project', 'x', str(uuid.uuid4())))

    def test_a_dry_run_is_not_tried_again(self):
        self.assertIn('--retry goes with no --dry-run', self.error(
            'migrate-convergence-1', '--dry-run', '--retry', '10m', '--all'))

    def test_durations_have_to_be_positive_and_end(self):
        for text in ('10x', '-1s', '0', 'm', 'nanm', 'infh'):
            exc = self.assertRaises(
                SystemExit, self.run_command, 'migrate-convergence-1',
                '--all', '--retry', text)
            self.assertEqual(2, exc.code)

    def test_dry_run_is_nothing_for_the_engines(self):
        self.assertIn('--via-engines', self.error(
            'migrate-convergence-1', '--dry-run', '--via-engines', '--all'))

    def test_engines_ignore_no_unreferenced_stack(self):
        self.assertIn('--ignore-unreferenced runs in this process',
                      self.error('migrate-convergence-1', '--via-engines',
                                 '--ignore-unreferenced', '--all'))

    def test_a_verification_ignores_no_unreferenced_stack(self):
        self.assertIn('--ignore-unreferenced goes with a conversion',
                      self.error('migrate-convergence-1', '--verify',
                                 '--ignore-unreferenced', '--all'))

    def test_numbers_have_to_be_positive(self):
        for option in ('--limit', '--workers', '--max-rate'):
            exc = self.assertRaises(
                SystemExit, self.run_command, 'migrate-convergence-1',
                '--all', option, '0')
            self.assertEqual(2, exc.code)

    def test_revert_has_no_engines_to_go_to(self):
        exc = self.assertRaises(
            SystemExit, self.run_command, 'revert-convergence-1',
            '--via-engines', '--all')
        self.assertEqual(2, exc.code)

    def test_from_says_which_stacks(self):
        for words in (('--all',), (str(uuid.uuid4()),)):
            self.assertIn('--from', self.error(
                'revert-convergence-1', '--from', 'run.jsonl', *words))

    def test_native_stacks_are_included_in_all_of_them(self):
        self.assertIn('--include-native', self.error(
            'revert-convergence-1', '--include-native', str(uuid.uuid4())))

    def test_database_that_is_down(self):
        def down(*args, **kwargs):
            raise db_exception.DBConnectionError(OSError('refused'))
        self.useFixture(fixtures.MonkeyPatch(
            'heat.db.migrate.counts.tally', down))
        self.assertIn('cannot be used: refused',
                      self.error('convergence-status'))


class ParserTest(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.parser = argparse.ArgumentParser()
        self.subparsers = self.parser.add_subparsers(dest='name')
        manage.add_command_parsers(self.subparsers)

    def test_commands_of_heat_are_still_there(self):
        self.assertLessEqual(
            {'db_version', 'db_sync', 'purge_deleted', 'service',
             'migrate_convergence_1', 'migrate-convergence-1',
             'revert-convergence-1', 'convergence-status'},
            set(self.subparsers.choices))

    def test_both_names_are_one_command(self):
        self.assertIs(self.subparsers.choices['migrate-convergence-1'],
                      self.subparsers.choices['migrate_convergence_1'])

    def test_help_has_examples_and_exit_statuses(self):
        for name in ('migrate-convergence-1', 'revert-convergence-1',
                     'convergence-status'):
            text = self.subparsers.choices[name].format_help()
            self.assertIn('examples:\n  heat-manage %s' % name, text)
            self.assertIn('exit status:\n  0  ', text)


class LoadingTest(common.HeatTestCase):

    def test_ctrl_c_while_heat_is_loaded_is_one_line(self):
        done = subprocess.run(
            [sys.executable, '-c', _INTERRUPTED], stderr=subprocess.PIPE,
            text=True, env=dict(os.environ, PYTHONPATH=str(
                sources.CHECKOUT), PYTHONWARNINGS='ignore'))
        self.assertEqual(
            (1, 'Stopped before it began: nothing was changed.\n'),
            (done.returncode, done.stderr))


class GuardTest(common.HeatTestCase):
    """Whatever ends a command, its status is not 1: that is "run again"."""

    def run_guarded(self, exc):
        def fail(args):
            raise exc
        self.useFixture(fixtures.MonkeyPatch(
            'heat.cmd.migrate.log.log_elsewhere_than_stdout',
            lambda: None))
        err = io.StringIO()
        with fixtures.MonkeyPatch('sys.stderr', err):
            status = commands.command(fail)(None)
        return status, err.getvalue()

    def test_ctrl_c_before_the_first_stack_is_one_line(self):
        self.assertEqual(
            (1, 'Stopped before the first stack: nothing was changed.\n'),
            self.run_guarded(KeyboardInterrupt()))

    def test_command_error_is_one_line(self):
        self.assertEqual((2, 'ERROR: no\n'),
                         self.run_guarded(errors.CommandError('no')))

    def test_bug_is_one_line_and_its_traceback_in_the_log(self):
        log = self.useFixture(fixtures.FakeLogger())
        self.assertEqual((2, 'ERROR: KeyError: \'x\'\n'),
                         self.run_guarded(KeyError('x')))
        self.assertIn('Traceback', log.output)
