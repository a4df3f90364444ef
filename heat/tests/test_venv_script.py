# SPDX-License-Identifier: Apache-2.0

import os
import pathlib
import shutil
import subprocess

import fixtures
import testtools

from heat.tests import other_user
from heat.tests import sources

#: Replaces a Python: a word in the code identifies the request.
_PYTHON = """\
#!/bin/sh
case "$2" in
    *print*) echo %(version)s ;;
    *sys.exit*) exit %(old)d ;;
    *ensurepip*) exit %(no_venv)d ;;
    *) echo "Error: %(error)s" >&2; exit 1 ;;
esac
"""


class VenvScriptTest(testtools.TestCase):
    """The script runs in a copy of its folder, with fake Pythons."""

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path, 'a folder')
        for name in ('tools/venv.sh', 'pyproject.toml'):
            copy = self.folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(sources.CHECKOUT / name, copy)
        shutil.copytree(sources.CHECKOUT / 'constraints',
                        self.folder / 'constraints')
        self.user = {}
        self.path = self.folder / 'path'
        self.path.mkdir()
        for name in ('sh', 'sed', 'tr', 'cut', 'cat', 'dirname', 'mkdir',
                     'head', 'grep', 'rm', 'cksum', 'sleep', 'tail'):
            (self.path / name).symlink_to(shutil.which(name))

    def python(self, name='python3', version='3.12.1', old=False,
               no_venv=False, error='broken'):
        script = self.path / name
        script.write_text(_PYTHON % {'version': version, 'old': old,
                                     'no_venv': no_venv, 'error': error})
        script.chmod(0o755)
        return str(script)

    def run_script(self, what='demo', **variables):
        ended = subprocess.run(
            [self.folder / 'tools' / 'venv.sh', what], text=True,
            env=dict(variables, PATH=str(self.path)),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **self.user)
        return ended.returncode, ended.stdout.splitlines()

    def assertRefused(self, *words, **arguments):
        """Check that it ends with an error of one line, and makes nothing."""
        status, lines = self.run_script(**arguments)
        self.assertEqual(1, status, lines)
        self.assertEqual(1, len(lines), lines)
        for word in ('venv: error: ',) + words:
            self.assertIn(word, lines[0])
        self.assertFalse((self.folder / '.venv').exists())

    def test_no_python_that_fits(self):
        mine = self.python('mine', '3.6.15', old=True)
        self.assertRefused('PYTHON=%s is Python 3.6.15' % mine,
                           'or newer is needed', PYTHON=mine)
        self.assertRefused('PYTHON=/no/python does not run',
                           PYTHON='/no/python')
        self.assertRefused('PYTHON=/path/to/python3 ./run_tests.sh',
                           what='test')
        self.python(version='3.6.15', old=True)
        self.assertRefused('python3 is 3.6.15',
                           'PYTHON=/path/to/python3 ./run_demo.sh')
        self.python(no_venv=True)
        self.assertRefused('has no venv module',
                           'apt install python3.12-venv')

    def test_folder_of_another_user(self):
        self.python()
        venv = self.folder / '.venv'
        venv.mkdir(0o555)
        self.addCleanup(venv.chmod, 0o755)
        if not os.getuid():
            # Root may write everywhere.
            self.user = other_user.ARGUMENTS
            self.folder.parent.chmod(0o755)
        status, lines = self.run_script()
        self.assertEqual(
            (1, 'venv: error: %s is not writable' % self.folder.resolve()),
            (status, lines[-1]))

    def make_venv(self, python, pip):
        """Make a .venv with these two shell scripts for commands."""
        self.python(error='that was made anew')
        commands = self.folder / '.venv' / 'bin'
        commands.mkdir(parents=True, exist_ok=True)
        for name, text in (('python', python), ('pip', 'echo "pip 24 from '
                                                '%s/lib/pip"' % pip)):
            (commands / name).write_text('#!/bin/sh\n%s\n' % text)
            (commands / name).chmod(0o755)
        return commands.parent.resolve()

    def test_venv_of_this_folder_is_kept_and_of_another_made_anew(self):
        own = self.make_venv('echo 3.12.1', '/other/.venv')
        self.assertEqual(
            'venv: error: cannot make .venv: Error: that was made anew',
            self.run_script()[1][-1])
        self.make_venv('echo 3.12.1', own)
        status, lines = self.run_script()
        self.assertEqual(0, status, lines)
        self.assertIn('installing Heat into .venv', lines[0])
        self.assertEqual((0, ['venv: .venv is up to date']),
                         self.run_script())

    def test_a_link_is_replaced_and_not_followed(self):
        self.make_venv('echo 3.12.1', '/other/.venv')
        venv, other = self.folder / '.venv', self.folder / 'other'
        venv.rename(other)
        venv.symlink_to(other)
        self.run_script()
        self.assertFalse(venv.is_symlink())
        self.assertTrue((other / 'bin' / 'python').exists())

    def test_uv_installs_and_where_it_fails_or_may_not_pip_does(self):
        own = (self.folder / '.venv').resolve()
        for status, config, installed in (
                (0, 'global.extra-index-url=x', 1), (1, '', 3),
                # uv would not know of it.
                (0, 'global.index-url=x', 2)):
            asked = self.folder / 'asked'
            self.make_venv(
                'echo "$*" >>asked; case $* in *config*) echo %s ;; '
                '*) echo 3.12.1 ;; esac' % config, own)
            uv = own / 'bin' / 'uv'
            uv.write_text('#!/bin/sh\nexit %d\n' % status)
            uv.chmod(0o755)
            self.assertEqual(0, self.run_script()[0])
            self.assertEqual(installed, asked.read_text().count(' install '))
            asked.unlink()
            (own / '.installed-demo').unlink()

    def test_reason_why_pip_failed(self):
        own = (self.folder / '.venv').resolve()
        for said, reason in (
                ('OSError: [Errno 28] No space left on device',
                 'the disk is full'),
                ('WARNING: Retrying (Retry(total=0)) after connection broken '
                 'by X\nERROR: Cannot install hatchling',
                 'no package index answers'),
                ('ERROR: it is broken', 'ERROR: it is broken')):
            self.make_venv('case $1 in -c) echo 3.12.1 ;; '
                           "*) echo '%s'; exit 1 ;; esac" % said, own)
            status, lines = self.run_script()
            self.assertEqual(1, status)
            self.assertIn('venv: error: pip failed: %s' % reason, lines[-1])
            self.assertIn('run ./run_demo.sh again', lines[-1])
