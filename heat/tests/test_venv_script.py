# SPDX-License-Identifier: Apache-2.0

import pathlib
import shutil
import subprocess

import fixtures
import testtools

from heat.tests import sources

#: Plays a Python: what it is asked for is known by a word in its code.
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
    """The script is run in a copy of its folder, with made up Pythons."""

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
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return ended.returncode, ended.stdout.splitlines()

    def assertRefused(self, *words, **arguments):
        """See that it ends with an error in one line, and makes nothing."""
        status, lines = self.run_script(**arguments)
        self.assertEqual(1, status, lines)
        self.assertEqual(1, len(lines), lines)
        for word in ('venv: error: ',) + words:
            self.assertIn(word, lines[0])
        self.assertFalse((self.folder / '.venv').exists())

    def test_named_python_that_is_too_old(self):
        python = self.python('mine', '3.6.15', old=True)
        self.assertRefused('PYTHON=%s is Python 3.6.15' % python,
                           'or newer is needed', PYTHON=python)

    def test_named_python_that_does_not_run(self):
        self.assertRefused('PYTHON=/no/python does not run',
                           PYTHON='/no/python')

    def test_no_python_that_is_new_enough(self):
        self.python(version='3.6.15', old=True)
        self.assertRefused('python3 is 3.6.15',
                           'PYTHON=/path/to/python3 ./run_demo.sh')

    def test_no_python_at_all(self):
        self.assertRefused('PYTHON=/path/to/python3 ./run_tests.sh',
                           what='test')

    def test_no_venv_module(self):
        self.python(no_venv=True)
        self.assertRefused('has no venv module',
                           'apt install python3.12-venv')

    def test_venv_of_this_folder_is_kept(self):
        self.python()
        commands = self.folder / '.venv' / 'bin'
        commands.mkdir(parents=True)
        for name, text in (('pip', 'pip 24 from %s/lib/pip' %
                            commands.parent.resolve()),
                           ('python', '3.12.1')):
            (commands / name).write_text('#!/bin/sh\necho "%s"\n' % text)
            (commands / name).chmod(0o755)
        first = self.run_script()
        self.assertEqual(0, first[0], first)
        self.assertIn('installing Heat into .venv', first[1][0])
        self.assertEqual((0, ['venv: .venv is up to date']),
                         self.run_script())

    def test_what_kept_pip_from_its_work(self):
        for said, told in (
                ('OSError: [Errno 28] No space left on device',
                 'the disk is full'),
                ('WARNING: Retrying (Retry(total=0)) after connection broken '
                 'by X\nERROR: Cannot install hatchling',
                 'no package index answers'),
                ('ERROR: it is broken', 'ERROR: it is broken')):
            self.make_pip(said)
            status, lines = self.run_script()
            self.assertEqual(1, status)
            self.assertIn('venv: error: pip failed: %s' % told, lines[-1])
            self.assertIn('run ./run_demo.sh again', lines[-1])

    def make_pip(self, said):
        """Make a .venv that works, but for what pip does."""
        self.python()
        commands = self.folder / '.venv' / 'bin'
        commands.mkdir(parents=True, exist_ok=True)
        for name, text in (
                ('pip', 'echo "pip 24 from %s/lib/pip"' %
                 commands.parent.resolve()),
                ('python', 'case $1 in -c) echo 3.12.1 ;; '
                           '*) echo "$SAID"; exit 1 ;; esac')):
            (commands / name).write_text(
                "#!/bin/sh\nSAID='%s'\n%s\n" % (said.replace("'", '"'), text))
            (commands / name).chmod(0o755)

    def test_venv_of_another_folder_is_made_anew(self):
        self.python(error='that was made anew')
        commands = self.folder / '.venv' / 'bin'
        commands.mkdir(parents=True)
        (commands / 'pip').write_text(
            '#!/bin/sh\necho "pip 24 from /other/.venv/lib/pip"\n')
        (commands / 'pip').chmod(0o755)
        self.assertIn('Error: that was made anew',
                      self.run_script()[1])
