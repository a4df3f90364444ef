# SPDX-License-Identifier: Apache-2.0

import os
import pwd
import shutil
import signal

import fixtures

from heat import overlay
from heat.tests import overlay_command_case as case
from heat.tests import overlay_fixtures

START = 'heat-overlay.start'


class RunTest(case.CommandTestCase):

    def test_folder_works_in_python_path(self):
        done = self.env.overlay('path')
        self.assertDone(done)
        self.assertEqual(self.in_front, self.heat_path(
            python_path=[done.stdout.strip()]))

    def test_command_has_the_overlay_in_front(self):
        for words in ([], ['--']):
            done = self.env.overlay('run', *words, 'python', '-c',
                                    case.SHOW_PATH)
            self.assertDone(done)
            self.assertEqual(self.in_front, done.stdout)

    def test_command_gets_its_arguments_and_gives_its_exit_status(self):
        self.env.script('heat-thing',
                        'import sys; print(sys.argv[1:]); sys.exit(7)')
        done = self.env.overlay('run', 'heat-thing', '--help', 'a b', '--')
        self.assertEqual((7, "['--help', 'a b', '--']\n"),
                         (done.returncode, done.stdout))

    def test_command_keeps_the_python_path_of_the_caller(self):
        other = self.useFixture(fixtures.TempDir()).path
        self.env.script('heat-thing',
                        'import os; print(os.environ["PYTHONPATH"])')
        done = self.env.overlay('run', 'heat-thing', python_path=[other])
        self.assertEqual('%s:%s\n' % (case.CHECKOUT, other), done.stdout)

    def test_command_from_path(self):
        other = self.useFixture(overlay_fixtures.Environment())
        other.script('heat-thing', case.SHOW_PATH)
        done = self.env.overlay('run', 'heat-thing', path=other.bin)
        self.assertEqual('%s %s\n' % (overlay.ROOT, other.heat), done.stdout)

    def test_untested_heat_is_refused_and_nothing_starts(self):
        env = self.untested()
        env.script('heat-thing', 'print("started")')
        # The Python of the command counts.
        for done in (env.overlay('run', 'heat-thing'),
                     self.env.overlay('run', 'heat-thing', path=env.bin)):
            self.assertFails(done, 'Heat 19.0.0 in ')

    def test_what_cannot_be_started(self):
        self.env.script('heat-thing', 'print("started")',
                        python=self.env.python + ' -E')
        for command, reason in (
                # It ignores PYTHONPATH.
                (['heat-thing'], 'use "heat-overlay enable"'),
                (['heat-nothing'], 'no command heat-nothing'),
                ([], 'run needs a command'),
                ([self.script('echo started\n')],
                 'Exec format error. The first line of a script names its '
                 'interpreter'),
                ([self.script("#!/nowhere/it's\n")],
                 'No such file or directory')):
            self.assertFails(self.env.overlay('run', *command), reason)

    def script(self, text):
        path = self.env.write(
            os.path.join(self.env.bin, 'thing%d' % len(text)), text)
        os.chmod(path, 0o755)
        return path


class EnableTest(case.CommandTestCase):

    def read(self, name):
        with open(os.path.join(self.env.site_packages, name)) as found:
            return found.read()

    def test_every_python_process_has_the_overlay(self):
        self.assertDone(self.env.overlay('enable'))
        self.assertEqual(self.in_front, self.heat_path())

    def test_start_file_alone_does_the_same(self):
        # Python 3.15 and later do this with it, see PEP 829.
        self.env.overlay('enable')
        os.remove(os.path.join(self.env.site_packages, case.PTH))
        entry = self.read(START).strip()
        code = 'import pkgutil; pkgutil.resolve_name("%s")(); ' % entry
        done = self.env.run('-c', code + case.SHOW_PATH)
        self.assertEqual(self.in_front, done.stdout)

    def test_activation_twice_in_a_process_is_once(self):
        # Python 3.15 may read the folder of a virtual environment twice.
        self.env.overlay('enable')
        entry = self.read(START).strip()
        done = self.env.run(
            '-c', 'import pkgutil, sys; pkgutil.resolve_name("%s")(); '
            'print(sys.path.count("%s"))' % (entry, case.CHECKOUT))
        self.assertEqual('1\n', done.stdout)

    def test_works_with_the_overlay_at_the_end_of_the_search_path(self):
        # As in an editable installation.
        self.env.write(os.path.join(self.env.site_packages, 'editable.pth'),
                       case.CHECKOUT + '\n')
        self.env.overlay('enable')
        self.assertEqual(self.in_front, self.heat_path())

    def test_python_path_comes_first(self):
        copy = self.copy_of_the_overlay()
        self.env.overlay('enable')
        self.assertIn(copy, self.heat_path(python_path=[copy]))

    def test_twice_changes_nothing(self):
        self.env.overlay('enable')
        pth = os.path.join(self.env.site_packages, case.PTH)
        os.utime(pth, (1, 1))
        done = self.env.overlay('enable')
        self.assertDone(done)
        self.assertIn('enabled already, since', done.stdout)
        self.assertEqual(1, os.stat(pth).st_mtime)

    def test_everybody_can_read_the_start_up_files(self):
        self.addCleanup(os.umask, os.umask(0o077))
        pth = os.path.join(self.env.site_packages, case.PTH)
        for _time in range(2):
            self.assertDone(self.env.overlay('enable'))
            for name in (case.PTH, START, '_heat_overlay_startup.py'):
                mode = os.stat(
                    os.path.join(self.env.site_packages, name)).st_mode
                self.assertEqual(0o644, mode & 0o777)
            os.chmod(pth, 0o600)

    def test_an_overlay_that_others_cannot_read_is_refused(self):
        os.chmod(self.env.path, 0o755)
        # It is in a private folder of its owner.
        self.assertFails(
            self.env.overlay('enable', checkout=self.copy_of_the_overlay()),
            'other users cannot read')
        self.assertEqual(self.untouched, self.listing(self.env))

    def test_an_overlay_that_the_group_of_the_engine_cannot_read(self):
        copy = self.copy_of_the_overlay()
        self.give_to_group(self.env.path)
        self.assertFails(self.env.overlay('enable', checkout=copy),
                         'other users cannot read')
        self.give_to_group(os.path.dirname(copy))
        self.assertDone(self.env.overlay('enable', checkout=copy))

    def give_to_group(self, path):
        """Let a group read a folder, and no others."""
        os.chown(path, -1, self.other_group())
        os.chmod(path, 0o750)

    def other_group(self):
        """A group that is not the first one of this user."""
        own = pwd.getpwuid(os.getuid()).pw_gid
        for group in [own + 1] if os.getuid() == 0 else os.getgroups():
            if group != own:
                return group
        self.skipTest('this user has only one group')

    def test_another_overlay_takes_over(self):
        self.env.overlay('enable', checkout=self.copy_of_the_overlay())
        self.assertNotEqual(self.in_front, self.heat_path())
        self.assertDone(self.env.overlay('enable'))
        self.assertEqual(self.in_front, self.heat_path())

    def test_for_another_python_and_in_any_folder_that_it_reads(self):
        for more in ([], ['--site-dir']):
            other = self.useFixture(overlay_fixtures.Environment())
            self.assertDone(self.env.overlay(
                'enable', '--python', other.python,
                *more, *[other.site_packages for _option in more]))
            self.assertEqual(self.untouched, self.listing(self.env))
            self.assertIn(overlay.ROOT, self.heat_path(other))

    def test_folder_that_python_does_not_read_is_refused(self):
        folder = self.useFixture(fixtures.TempDir()).path
        # An overlay in PYTHONPATH does not hide that.
        for path in ([], [case.CHECKOUT]):
            done = self.env.overlay('enable', '--site-dir', folder,
                                    python_path=path)
            self.assertFails(done, 'have no effect on the Heat of %s'
                             % self.env.python)
            self.assertEqual([], os.listdir(folder))

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


class DisableTest(case.CommandTestCase):

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

    def test_works_with_a_heat_that_is_refused_since_and_without(self):
        for remove in (lambda: os.remove(self.env.module('heat.cmd.status')),
                       lambda: shutil.rmtree(self.env.heat)):
            self.env.overlay('enable')
            remove()
            self.assertDone(self.env.overlay('disable'))
            self.assertNotIn(case.PTH, self.listing(self.env))

    def test_only_in_one_folder(self):
        self.env.overlay('enable')
        folder = self.useFixture(fixtures.TempDir()).path
        self.env.overlay('disable', '--site-dir', folder)
        self.assertIn(case.PTH, self.listing(self.env))


class InterruptedTest(case.CommandTestCase):

    CODE = '''
import os, signal, sys
sys.argv = ['/usr/bin/%s']
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == 'heat_overlay.%s':
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from heat_overlay import cli
'''

    def interrupt(self, command, module):
        return self.env.run('-c', self.CODE % (command, module),
                            python_path=[case.CHECKOUT])

    def test_ctrl_c_while_it_starts_is_one_line(self):
        for module in ('cli', 'environment'):
            self.assertFails(self.interrupt('heat-overlay', module),
                             'heat-overlay: stopped')

    def test_ctrl_c_while_the_sandbox_starts_has_no_traceback(self):
        done = self.interrupt('heat-sandbox', 'environment')
        self.assertEqual((-signal.SIGINT, ''), (done.returncode, done.stderr))


class SandboxTest(case.CommandTestCase):

    CODE = 'import sys; from heat_overlay import cli; sys.exit(cli.sandbox())'

    def test_untested_heat_is_refused(self):
        self.assertFails(self.untested().run('-c', self.CODE,
                                             cwd=case.CHECKOUT),
                         'heat-sandbox: The convergence overlay is not active')

    def test_ctrl_c_while_heat_is_loaded_has_no_traceback(self):
        self.env.write(self.env.module('heat.cmd.engine'),
                       'import os, signal\n'
                       'os.kill(os.getpid(), signal.SIGINT)\n')
        done = self.env.run('-c', self.CODE, cwd=case.CHECKOUT)
        self.assertEqual((-signal.SIGINT, ''), (done.returncode, done.stderr))
