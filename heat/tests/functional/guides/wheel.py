# SPDX-License-Identifier: Apache-2.0

"""The wheel, and a clean environment in which it is installed."""

import base64
import glob
import hashlib
from importlib import metadata
import os
import shutil
import subprocess
import venv

import fixtures

from heat.tests.functional.harness import processes
from heat.tests import overlay_fixtures

CHECKOUT = processes.TREE

CONF = """\
[DEFAULT]
transport_url = fake://
num_engine_workers = 1
auth_encryption_key = 0123456789abcdef0123456789abcdef
[database]
connection = sqlite:///%s
"""


class WheelEnvironment(fixtures.Fixture):
    """A virtual environment with the released Heat and this wheel.

    Every dependency of Heat's is installed, with uv where it is there: pip
    takes a minute. pip installs the wheel itself, as in the guides.
    """

    def _setUp(self):
        self.path = self.useFixture(fixtures.TempDir()).path
        self.home = os.path.join(self.path, 'venv')
        venv.create(self.home, symlinks=True, with_pip=True)
        self.bin = os.path.join(self.home, 'bin')
        self.python = os.path.join(self.bin, 'python')
        self.site_packages = overlay_fixtures.site_packages(self.home)
        self.conf = os.path.join(self.path, 'heat.conf')
        with open(self.conf, 'w') as conf:
            conf.write(CONF % os.path.join(self.path, 'heat.db'))
        self.tree = _tree()
        self._pip('wheel', '--no-deps', '--wheel-dir', self.path, CHECKOUT)
        self.wheel, = glob.glob(os.path.join(self.path, '*.whl'))
        # The release that runs the tests: not every Python has the newest.
        heat = metadata.version('openstack-heat').partition('.')[0]
        words = ('install', '--constraint', os.path.join(
            CHECKOUT, 'constraints', 'heat%s.txt' % heat), 'openstack-heat')
        uv = shutil.which('uv')
        if uv:
            self._succeed(uv, '--quiet', 'pip', *words, '--python',
                          self.python)
        self._pip(*words, self.wheel)

    def _pip(self, *args):
        self._succeed(self.python, '-m', 'pip', '--quiet', *args)

    def _succeed(self, *args):
        done = self.run(*args)
        if done.returncode:
            raise RuntimeError('%s: %s' % (' '.join(args), done.stderr))

    def install(self):
        self._pip('install', '--no-deps', self.wheel)

    def uninstall(self):
        self._pip('uninstall', '--yes', 'heat-convergence-migrate')

    def command(self, name):
        return processes.command(name, self.bin)

    def environ(self, **variables):
        return dict(processes.environment(stock=True), **variables)

    def run(self, *args, **variables):
        """Run a program with environment variables of its own."""
        return subprocess.run(args, env=self.environ(**variables),
                              cwd=self.path, capture_output=True, text=True)

    def overlay(self, *args, **variables):
        return self.run(self.command('heat-overlay'), *args, **variables)

    def damaged_files(self):
        """Compare what Heat installed with the hashes that it recorded.

        :returns: (files that differ or are gone, all files compared)
        """
        heat, = metadata.distributions(name='openstack-heat',
                                       path=[self.site_packages])
        recorded = {str(path): path for path in heat.files if path.hash}
        damaged = [name for name, path in recorded.items()
                   if _digest(path) != path.hash.value]
        return damaged, set(recorded)


def _tree():
    """Return the files of the checkout that the wheel must have."""
    root = os.path.join(CHECKOUT, 'heat')
    found = set()
    for folder, folders, files in os.walk(root):
        folders[:] = set(folders) - {'tests', '__pycache__'}
        found |= {os.path.relpath(os.path.join(folder, name), root)
                  for name in files}
    return found


def _digest(path):
    """Return the SHA-256 of a file in the encoding of RECORD, or None."""
    try:
        content = path.read_binary()
    except FileNotFoundError:
        return None
    digest = hashlib.sha256(content).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b'=').decode()
