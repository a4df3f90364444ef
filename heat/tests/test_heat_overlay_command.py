# SPDX-License-Identifier: Apache-2.0

import datetime
import json
import os
import shutil

import fixtures
import testtools

from heat import overlay
from heat.tests import overlay_fixtures

CHECKOUT = overlay_fixtures.CHECKOUT
SHOW_PATH = 'import heat; print(*heat.__path__)'
PTH = 'heat-overlay.pth'
START = 'heat-overlay.start'


class CommandTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.env = self.useFixture(overlay_fixtures.Environment())
        self.untouched = self.listing(self.env)
        self.in_front = '%s %s\n' % (overlay.ROOT, self.env.heat)

    @staticmethod
    def listing(env):
        return sorted(os.listdir(env.site_packages))

    def untested(self):
        return self.useFixture(overlay_fixtures.Environment('19.0.0'))

    def heat_path(self, env=None, **kwargs):
        """Start the Python that Heat runs in and say where Heat is."""
        done = (env or self.env).run('-c', SHOW_PATH, **kwargs)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        return done.stdout

    def assertDone(self, done):
        self.assertEqual((0, ''), (done.returncode, done.stderr))

    def assertFails(self, done, reason):
        self.assertEqual((2, ''), (done.returncode, done.stdout))
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        self.assertIn(reason, done.stderr)

    def copy_of_the_overlay(self):
        copy = os.path.join(self.useFixture(fixtures.TempDir()).path, 'copy')
        for name in ('heat', 'heat_overlay'):
            shutil.copytree(os.path.join(CHECKOUT, name),
                            os.path.join(copy, name))
        return copy


class PathTest(CommandTestCase):

    def test_folder_works_in_python_path(self):
        done = self.env.overlay('path')
        self.assertDone(done)
        self.assertEqual(self.in_front, self.heat_path(
            python_path=[done.stdout.strip()]))


class RunTest(CommandTestCase):

    def test_command_has_the_overlay_in_front(self):
        done = self.env.overlay('run', 'python', '-c', SHOW_PATH)
        self.assertDone(done)
        self.assertEqual(self.in_front, done.stdout)

    def test_command_gets_its_arguments_and_gives_its_exit_status(self):
        self.env.script('heat-thing',
                        'import sys; print(sys.argv[1:]); sys.exit(7)')
        done = self.env.overlay('run', 'heat-thing', '--help', 'a b', '--')
        self.assertEqual((7, "['--help', 'a b', '--']\n"),
                         (done.returncode, done.stdout))

    def test_double_dash_may_stand_before_the_command(self):
        done = self.env.overlay('run', '--', 'python', '-c', SHOW_PATH)
        self.assertEqual(self.in_front, done.stdout)

    def test_command_keeps_the_python_path_of_the_caller(self):
        other = self.useFixture(fixtures.TempDir()).path
        self.env.script('heat-thing',
                        'import os; print(os.environ["PYTHONPATH"])')
        done = self.env.overlay('run', 'heat-thing', python_path=[other])
        self.assertEqual('%s:%s\n' % (CHECKOUT, other), done.stdout)

    def test_command_from_path(self):
        other = self.useFixture(overlay_fixtures.Environment())
        other.script('heat-thing', SHOW_PATH)
        done = self.env.overlay('run', 'heat-thing', path=other.bin)
        self.assertEqual('%s %s\n' % (overlay.ROOT, other.heat), done.stdout)

    def test_untested_heat_is_refused_and_nothing_starts(self):
        env = self.untested()
        env.script('heat-thing', 'print("started")')
        self.assertFails(env.overlay('run', 'heat-thing'), 'Heat 19.0.0 in ')

    def test_the_python_of_the_command_counts(self):
        env = self.untested()
        env.script('heat-thing', 'print("started")')
        self.assertFails(self.env.overlay('run', 'heat-thing', path=env.bin),
                         'Heat 19.0.0 in ')

    def test_python_that_ignores_python_path_is_refused(self):
        self.env.script('heat-thing', 'print("started")',
                        python=self.env.python + ' -E')
        self.assertFails(self.env.overlay('run', 'heat-thing'),
                         'use "heat-overlay enable"')

    def test_unknown_command(self):
        self.assertFails(self.env.overlay('run', 'heat-nothing'),
                         'no command heat-nothing')

    def test_no_command(self):
        self.assertFails(self.env.overlay('run'), 'run needs a command')


class EnableTest(CommandTestCase):

    def read(self, name):
        with open(os.path.join(self.env.site_packages, name)) as found:
            return found.read()

    def test_every_python_process_has_the_overlay(self):
        self.assertDone(self.env.overlay('enable'))
        self.assertEqual(self.in_front, self.heat_path())

    def test_start_file_alone_does_the_same(self):
        # What Python 3.15 and later do with it, see PEP 829.
        self.env.overlay('enable')
        os.remove(os.path.join(self.env.site_packages, PTH))
        entry = self.read(START).strip()
        code = 'import pkgutil; pkgutil.resolve_name("%s")(); ' % entry
        done = self.env.run('-c', code + SHOW_PATH)
        self.assertEqual(self.in_front, done.stdout)

    def test_activation_twice_in_a_process_is_once(self):
        # Python 3.15 may read the folder of a virtual environment twice.
        self.env.overlay('enable')
        entry = self.read(START).strip()
        done = self.env.run(
            '-c', 'import pkgutil, sys; pkgutil.resolve_name("%s")(); '
            'print(sys.path.count("%s"))' % (entry, CHECKOUT))
        self.assertEqual('1\n', done.stdout)

    def test_works_with_the_overlay_at_the_end_of_the_search_path(self):
        # As an editable installation puts it there.
        self.env.write(os.path.join(self.env.site_packages, 'editable.pth'),
                       CHECKOUT + '\n')
        self.env.overlay('enable')
        self.assertEqual(self.in_front, self.heat_path())

    def test_python_path_comes_first(self):
        copy = self.copy_of_the_overlay()
        self.env.overlay('enable')
        self.assertIn(copy, self.heat_path(python_path=[copy]))

    def test_twice_changes_nothing(self):
        self.env.overlay('enable')
        pth = os.path.join(self.env.site_packages, PTH)
        os.utime(pth, (1, 1))
        done = self.env.overlay('enable')
        self.assertDone(done)
        self.assertIn('enabled already, since', done.stdout)
        self.assertEqual(1, os.stat(pth).st_mtime)

    def test_start_up_files_are_readable_whatever_the_umask_is(self):
        self.addCleanup(os.umask, os.umask(0o077))
        self.assertDone(self.env.overlay('enable'))
        for name in (PTH, START, '_heat_overlay_startup.py'):
            mode = os.stat(os.path.join(self.env.site_packages, name)).st_mode
            self.assertEqual(0o644, mode & 0o777)

    def test_start_up_files_that_others_cannot_read_are_written_again(self):
        self.env.overlay('enable')
        pth = os.path.join(self.env.site_packages, PTH)
        os.chmod(pth, 0o600)
        self.assertDone(self.env.overlay('enable'))
        self.assertEqual(0o644, os.stat(pth).st_mode & 0o777)

    def test_an_overlay_that_others_cannot_read_is_refused(self):
        os.chmod(self.env.path, 0o755)
        # It lies in a folder of its owner's own.
        self.assertFails(
            self.env.overlay('enable', checkout=self.copy_of_the_overlay()),
            'others than its owner cannot read')
        self.assertEqual(self.untouched, self.listing(self.env))

    def test_another_overlay_takes_over(self):
        self.env.overlay('enable', checkout=self.copy_of_the_overlay())
        self.assertNotEqual(self.in_front, self.heat_path())
        self.assertDone(self.env.overlay('enable'))
        self.assertEqual(self.in_front, self.heat_path())

    def test_for_another_python(self):
        other = self.useFixture(overlay_fixtures.Environment())
        self.assertDone(self.env.overlay('enable', '--python', other.python))
        self.assertEqual(self.untouched, self.listing(self.env))
        self.assertIn(overlay.ROOT, self.heat_path(other))

    def test_in_another_folder_that_python_reads(self):
        other = self.useFixture(overlay_fixtures.Environment())
        done = self.env.overlay('enable', '--python', other.python,
                                '--site-dir', other.site_packages)
        self.assertDone(done)
        self.assertIn(overlay.ROOT, self.heat_path(other))

    def test_folder_that_python_does_not_read_is_refused(self):
        folder = self.useFixture(fixtures.TempDir()).path
        done = self.env.overlay('enable', '--site-dir', folder)
        self.assertFails(done, 'have no effect on the Heat of %s'
                         % self.env.python)
        self.assertEqual([], os.listdir(folder))

    def test_overlay_in_python_path_does_not_hide_that(self):
        folder = self.useFixture(fixtures.TempDir()).path
        done = self.env.overlay('enable', '--site-dir', folder,
                                python_path=[CHECKOUT])
        self.assertFails(done, 'have no effect on the Heat of')

    def test_folder_that_cannot_be_written_is_named(self):
        path = self.env.write(os.path.join(self.env.path, 'file'), '')
        self.assertFails(self.env.overlay('enable', '--site-dir', path),
                         'Cannot write the start-up files')

    def test_untested_heat_is_refused_and_nothing_written(self):
        env = self.untested()
        before = self.listing(env)
        self.assertFails(env.overlay('enable'), 'Heat 19.0.0 in ')
        self.assertEqual(before, self.listing(env))

    def test_overlay_that_has_gone_leaves_no_trace(self):
        copy = self.copy_of_the_overlay()
        self.assertDone(self.env.overlay('enable', checkout=copy))
        self.assertIn(copy, self.heat_path())
        shutil.rmtree(copy)
        self.assertEqual(self.env.heat + '\n', self.heat_path())
        done = self.env.run('-c', 'import sys; print(*sys.path)')
        self.assertNotIn(copy, done.stdout)


class DisableTest(CommandTestCase):

    def test_heat_is_the_stock_one_again(self):
        self.env.overlay('enable')
        done = self.env.overlay('disable')
        self.assertDone(done)
        self.assertIn(self.env.site_packages, done.stdout)
        self.assertEqual(self.env.heat + '\n', self.heat_path())
        self.assertEqual(self.untouched,
                         [name for name in self.listing(self.env)
                          if name != '__pycache__'])

    def test_nothing_that_python_compiled_is_left(self):
        self.env.overlay('enable')
        compiled = os.path.join(self.env.site_packages, '__pycache__')
        os.makedirs(compiled, exist_ok=True)
        for version in ('311', '399'):
            with open(os.path.join(
                    compiled, '_heat_overlay_startup.cpython-%s.pyc'
                    % version), 'w'):
                pass
        self.env.overlay('disable')
        self.assertEqual([], [name for name in os.listdir(compiled)
                              if 'overlay' in name])

    def test_twice_is_no_error(self):
        self.env.overlay('enable')
        self.env.overlay('disable')
        done = self.env.overlay('disable')
        self.assertDone(done)
        self.assertEqual('The overlay was not enabled.\n', done.stdout)

    def test_works_without_heat(self):
        self.env.overlay('enable')
        shutil.rmtree(self.env.heat)
        self.assertDone(self.env.overlay('disable'))
        self.assertNotIn(PTH, self.listing(self.env))

    def test_works_with_a_heat_that_is_refused_since(self):
        self.env.overlay('enable')
        os.remove(self.env.module('heat.cmd.status'))
        self.assertDone(self.env.overlay('disable'))
        self.assertNotIn(PTH, self.listing(self.env))

    def test_only_in_one_folder(self):
        self.env.overlay('enable')
        folder = self.useFixture(fixtures.TempDir()).path
        self.env.overlay('disable', '--site-dir', folder)
        self.assertIn(PTH, self.listing(self.env))


class StatusTest(CommandTestCase):

    def status(self, exit_status, *args, env=None, **kwargs):
        done = (env or self.env).overlay('status', '--format', 'json', *args,
                                         **kwargs)
        self.assertEqual((exit_status, ''), (done.returncode, done.stderr))
        return json.loads(done.stdout)

    def test_start_up_files_that_others_cannot_read(self):
        os.chmod(self.env.path, 0o755)
        copy = self.copy_of_the_overlay()
        os.chmod(os.path.dirname(copy), 0o755)
        self.assertDone(self.env.overlay('enable', checkout=copy))
        self.assertEqual(0, self.env.overlay('status').returncode)
        pth = os.path.join(self.env.site_packages, PTH)
        os.chmod(pth, 0o640)
        done = self.env.overlay('status')
        self.assertEqual((2, ''), (done.returncode, done.stderr))
        self.assertIn('others than its owner cannot read %s'
                      % os.path.realpath(pth), done.stdout)

    def test_not_active(self):
        status = self.status(1)
        self.assertFalse(status['active'])
        self.assertTrue(status['tested'])
        self.assertEqual([], status['means'])
        self.assertIsNone(status['since'])
        self.assertEqual({'version': '27.0.1', 'location': self.env.heat},
                         status['heat'])
        self.assertEqual(self.env.python, status['python']['location'])

    def test_active_by_python_path(self):
        status = self.status(0, python_path=[CHECKOUT])
        self.assertTrue(status['active'])
        self.assertEqual(['PYTHONPATH'], status['means'])
        self.assertEqual(CHECKOUT, status['overlay']['location'])

    def test_active_by_start_up_file(self):
        self.env.overlay('enable')
        os.utime(os.path.join(self.env.site_packages, PTH), (60, 60))
        status = self.status(0)
        self.assertTrue(status['active'])
        self.assertEqual(['start-up file in ' + self.env.site_packages],
                         status['means'])
        self.assertEqual(60, datetime.datetime.fromisoformat(
            status['since']).timestamp())

    def test_untested_but_not_activated_is_not_active(self):
        status = self.status(1, env=self.untested())
        self.assertFalse(status['tested'])
        self.assertIn('Heat 19.0.0 in ', status['refusal'])

    def test_refused(self):
        status = self.status(2, env=self.untested(), python_path=[CHECKOUT])
        self.assertFalse(status['active'])
        self.assertEqual(['PYTHONPATH'], status['means'])
        self.assertIn('Heat 19.0.0 in ', status['refusal'])

    def test_no_heat(self):
        shutil.rmtree(self.env.heat)
        status = self.status(2)
        self.assertIsNone(status['heat'])
        self.assertIn("No module named 'heat'", status['refusal'])

    def test_of_another_python(self):
        other = self.untested()
        status = self.status(1, '--python', other.python)
        self.assertEqual('19.0.0', status['heat']['version'])

    def test_python_that_does_not_start(self):
        self.assertFails(self.env.overlay('status', '--python', '/nowhere'),
                         '/nowhere')

    def test_python_that_is_none(self):
        self.assertFails(self.env.overlay('status', '--python', '/bin/true'),
                         '/bin/true does not work as a Python')

    def test_text_says_the_same(self):
        done = self.env.overlay('status', python_path=[CHECKOUT])
        self.assertDone(done)
        rows = dict(line.split(':', 1) for line in done.stdout.splitlines())
        self.assertEqual('active', rows['Overlay'].strip())
        self.assertEqual('PYTHONPATH', rows['By'].strip())
        self.assertEqual('27.0.1 in ' + self.env.heat, rows['Heat'].strip())
        self.assertEqual('yes', rows['Tested with this Heat'].strip())


class SandboxTest(CommandTestCase):

    CODE = 'import sys; from heat_overlay import cli; sys.exit(cli.sandbox())'

    def test_untested_heat_is_refused(self):
        self.assertFails(self.untested().run('-c', self.CODE, cwd=CHECKOUT),
                         'heat-sandbox: The convergence overlay is not active')
