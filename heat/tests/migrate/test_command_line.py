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
from heat.cmd.migrate import parsers
from heat.tests import common
from heat.tests.migrate import command_case as case
from heat.tests import sources


# heat-manage with a Ctrl-C while it loads our commands.
_INTERRUPTED = """
import os, signal, sys
sys.argv = ['/usr/bin/heat-manage', '--config-dir', '.', %r]
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == %r:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
import heat.cmd.manage
heat.cmd.manage.main()
"""

# The handler of Ctrl-C in a command of Heat's own, and what of ours it loads.
_OWN = """
import signal, sys
sys.argv = ['/usr/bin/heat-manage', 'db_version']
import heat.cmd.manage
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
print([name for name in sys.modules if name in (
    'heat.cmd.migrate.commands', 'heat.engine.convergence_migrate',
    'prometheus_client')])
"""


class ArgumentsTest(case.CommandTestCase):
    """Invalid arguments give an error of one line, and change nothing."""

    def error(self, *words):
        status, out, err = self.run_command(*words)
        self.assertEqual((2, ''), (status, out))
        line, = err.splitlines()
        return line

    def test_what_does_not_go_together(self):
        convert, revert = 'migrate-convergence-1', 'revert-convergence-1'
        one = str(uuid.uuid4())
        for words, reason in (
                ([convert], 'or --all'),
                ([convert, '--all', one], 'not both'),
                ([convert, '--project', 'x', one], '--project'),
                ([convert, '--dry-run', '--retry', '10m', '--all'],
                 '--retry cannot be combined with --dry-run'),
                ([convert, '--dry-run', '--via-engines', '--all'],
                 '--via-engines'),
                ([convert, '--via-engines', '--ignore-unreferenced', '--all'],
                 '--ignore-unreferenced runs in this process'),
                ([convert, '--verify', '--ignore-unreferenced', '--all'],
                 '--ignore-unreferenced is for a conversion'),
                ([convert, '--verify', '--repair', '--all'], 'only one of'),
                *[([convert, '--failed', option, '--all'], option)
                  for option in ('--verify', '--repair', '--via-engines')],
                ([revert, '--from', 'run.jsonl', '--all'], '--from'),
                ([revert, '--from', 'run.jsonl', one], '--from'),
                ([revert, '--include-native', one], '--include-native')):
            self.assertIn(reason, self.error(*words))

    def test_malformed_id_leaves_the_other_stacks_alone(self):
        stack_id = self.legacy()
        self.assertIn('web is not the id of a stack', self.error(
            'migrate-convergence-1', stack_id, 'web'))
        self.assertFalse(self.is_convergence(stack_id))

    def test_values_that_the_parser_refuses(self):
        numbers = ('--limit', '--workers', '--max-rate')
        for name, *words in (
                *[('migrate', option, '0') for option in numbers],
                *[('migrate', '--retry', text) for text in (
                    '10x', '-1s', '0', 'm', 'nanm', 'infh')],
                ('revert', '--via-engines')):
            exc = self.assertRaises(SystemExit, self.run_command,
                                    name + '-convergence-1', '--all', *words)
            self.assertEqual(2, exc.code)

    def test_what_is_wrong_comes_right_below_one_line_of_usage(self):
        err = io.StringIO()
        with fixtures.MonkeyPatch('sys.stderr', err):
            self.assertRaises(SystemExit, case.parser().parse_args, [
                'revert-convergence-1', '--all', '--limit', '0'])
        usage, wrong = err.getvalue().splitlines()
        self.assertIn('[options] [STACK_ID ...]', usage)
        self.assertIn('argument --limit', wrong)

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

    def test_help_has_examples_and_exit_statuses_in_80_columns(self):
        self.useFixture(fixtures.EnvironmentVariable('COLUMNS', '80'))
        for name in ('migrate-convergence-1', 'revert-convergence-1',
                     'convergence-status'):
            text = self.subparsers.choices[name].format_help()
            self.assertIn('examples:\n  heat-manage %s' % name, text)
            self.assertIn('exit status:\n  0  ', text)
            self.assertLessEqual(max(map(len, text.splitlines())), 80)


class LoadingTest(common.HeatTestCase):

    def run_python(self, code):
        return subprocess.run(
            [sys.executable, '-c', code], capture_output=True, text=True,
            cwd=self.useFixture(fixtures.TempDir()).path,
            env=dict(os.environ, PYTHONPATH=str(sources.CHECKOUT),
                     PYTHONWARNINGS='ignore'))

    def test_ctrl_c_while_heat_is_loaded_is_one_line(self):
        for module in ('heat.overlay_releases', 'heat.cmd', 'heat.cmd.migrate',
                       'heat.cmd.migrate.commands'):
            done = self.run_python(_INTERRUPTED % (
                'convergence-status', module))
            self.assertEqual(
                (1, 'Stopped before it began: nothing was changed.\n'),
                (done.returncode, done.stderr), module)

    def test_names_of_the_commands_are_those_of_the_parser(self):
        subparsers = argparse.ArgumentParser().add_subparsers()
        parsers.add_all(subparsers, lambda name: None)
        self.assertEqual(parsers.NAMES, set(subparsers.choices))

    def test_commands_of_heat_load_nothing_for_conversions(self):
        done = self.run_python(_OWN)
        self.assertEqual('True\n[]\n', done.stdout, done.stderr)

    def test_a_command_says_nothing_of_the_libraries_of_the_engine(self):
        env = dict(os.environ, PYTHONPATH=str(sources.CHECKOUT))
        env.pop('PYTHONWARNINGS', None)
        for name, module in (('heat-manage', 'manage'),
                             ('heat-status', 'status')):
            done = subprocess.run(
                [sys.executable, '-c', 'import sys; sys.argv = [%r]; '
                 'import heat.cmd.%s' % (name, module)],
                stderr=subprocess.PIPE, text=True, env=env, check=True)
            self.assertNotIn('Eventlet', done.stderr)


class ErrorTest(common.HeatTestCase):
    """A command that an error ends never has status 1 ("run again")."""

    def run_failing(self, exc):
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
            self.run_failing(KeyboardInterrupt()))

    def test_command_error_is_one_line(self):
        self.assertEqual((2, 'ERROR: no\n'),
                         self.run_failing(errors.CommandError('no')))

    def test_bug_is_one_line_and_its_traceback_in_the_log(self):
        log = self.useFixture(fixtures.FakeLogger())
        self.assertEqual((2, 'ERROR: KeyError: \'x\'\n'),
                         self.run_failing(KeyError('x')))
        self.assertIn('Traceback', log.output)
