# SPDX-License-Identifier: Apache-2.0

"""The source archive of a tag, and the wheel made from it."""

import glob
import os
import subprocess
import tarfile
import venv
import zipfile

import fixtures
import testtools

from heat.tests.functional.harness import processes

_MAN_PAGE = 'doc/build/man/heat-overlay.1'


class Release(fixtures.Fixture):
    """A tagged clone of the checkout, and both distributions of it."""

    def _setUp(self):
        self.path = self.useFixture(fixtures.TempDir()).path
        self.clone = os.path.join(self.path, 'clone')
        self._python = os.path.join(self.path, 'venv', 'bin', 'python')
        self._git('clone', '--quiet', processes.TREE, self.clone)
        self._git('-C', self.clone, 'tag', '3.2.1')
        self._add_man_page()
        venv.create(os.path.join(self.path, 'venv'), symlinks=True,
                    with_pip=True)
        self._pip('install', 'hatchling', 'hatch-vcs')
        self._run(self._python, '-m', 'hatchling', 'build', '--target',
                  'sdist', '--directory', self.path)
        self.sdist, = glob.glob(os.path.join(self.path, '*.tar.gz'))
        self._pip('wheel', '--no-deps', '--no-build-isolation',
                  '--wheel-dir', self.path, self.sdist)
        self.wheel, = glob.glob(os.path.join(self.path, '*.whl'))

    def _add_man_page(self):
        path = os.path.join(self.clone, _MAN_PAGE)
        os.makedirs(os.path.dirname(path))
        with open(path, 'w') as page:
            page.write('.TH HEAT-OVERLAY 1\n')

    def _git(self, *args):
        return self._run('git', *args)

    def _pip(self, *args):
        self._run(self._python, '-m', 'pip', '--quiet', *args)

    def _run(self, *args):
        return subprocess.run(args, cwd=self.clone if os.path.isdir(
            self.clone) else self.path, check=True, capture_output=True,
            text=True, env=processes.environment(stock=True)).stdout

    def tracked(self):
        """Return the files that git has."""
        return set(self._git('ls-files').splitlines())


class ReleaseTest(testtools.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.release = Release()
        cls.release.setUp()
        cls.addClassCleanup(cls.release.cleanUp)

    def test_version_is_that_of_the_tag(self):
        self.assertEqual(
            ['heat_convergence_migrate-3.2.1.tar.gz',
             'heat_convergence_migrate-3.2.1-py3-none-any.whl'],
            [os.path.basename(self.release.sdist),
             os.path.basename(self.release.wheel)])

    def test_source_archive_has_every_file(self):
        with tarfile.open(self.release.sdist) as archive:
            names = {name.partition('/')[2] for name in archive.getnames()}
        self.assertEqual(set(), self.release.tracked() - names)
        self.assertIn(_MAN_PAGE, names)

    def test_wheel_brings_the_man_pages(self):
        with zipfile.ZipFile(self.release.wheel) as wheel:
            self.assertIn(
                'heat_convergence_migrate-3.2.1.data/data/share/man/man1/'
                'heat-overlay.1', wheel.namelist())
