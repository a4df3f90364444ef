# SPDX-License-Identifier: Apache-2.0

"""A Python environment of its own with a small package in place of Heat."""

import glob
import os
import subprocess
import sys
import venv

import fixtures

from heat import overlay
from heat import overlay_releases

CHECKOUT = os.path.dirname(overlay.ROOT)

#: Prints the paths of the parts of Heat.
SHOW = ('import heat, heat.engine.service as s; '
        'print(heat.__file__, *heat.__path__, s.__file__, sep="\\n")')


def site_packages(home):
    """Return the site-packages of a virtual environment of this Python."""
    return os.path.join(home, 'lib', 'python%d.%d' % sys.version_info[:2],
                        'site-packages')


class Environment(fixtures.Fixture):
    """A virtual environment, without pip, that holds a stand-in for Heat.

    Its modules define what the overlay refines and nothing else.

    :param version: of the stand-in.
    :param python: what to make the environment with; None for this Python.
    """

    def __init__(self, version='27.0.1', python=None):
        self.version = version
        self._maker = python

    def _setUp(self):
        self.path = self.useFixture(fixtures.TempDir()).path
        if self._maker is None:
            venv.create(self.path, symlinks=True)
        else:
            subprocess.run([self._maker, '-m', 'venv', '--without-pip',
                            self.path], check=True)
        self.bin = os.path.join(self.path, 'bin')
        self.python = os.path.join(self.bin, 'python')
        self.site_packages, = glob.glob(
            os.path.join(self.path, 'lib', 'python*', 'site-packages'))
        self.heat = os.path.join(self.site_packages, 'heat')
        self.dist_info = os.path.join(
            self.site_packages, 'openstack_heat-%s.dist-info' % self.version)
        self.write(os.path.join(self.dist_info, 'METADATA'),
                   'Metadata-Version: 2.1\nName: openstack-heat\n'
                   'Version: %s\n' % self.version)
        self.write(os.path.join(self.heat, '__init__.py'), '')
        for module, names in overlay_releases.REFINED.items():
            self.write(self.module(module), _source(names))
            self.write(os.path.join(os.path.dirname(self.module(module)),
                                    '__init__.py'), '')

    def write(self, path, text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as out:
            out.write(text)
        return path

    def module(self, name):
        """Return the source file of a module of the stand-in."""
        return os.path.join(self.heat, *name.split('.')[1:]) + '.py'

    def edit(self, name, old, new):
        """Replace a piece of a module's source that occurs once."""
        with open(self.module(name)) as found:
            text = found.read()
        if text.count(old) != 1:
            raise ValueError('%r is not once in %s' % (old, name))
        self.write(self.module(name), text.replace(old, new))

    def script(self, name, text, python=None):
        """Write an executable Python script beside the interpreter."""
        path = self.write(os.path.join(self.bin, name), '#!%s\n%s\n' % (
            python or self.python, text))
        os.chmod(path, 0o755)
        return path

    def run(self, *args, path='', cwd='/', python_path=(), **kwargs):
        """Run this Python.

        :param path: PATH of the process.
        :param python_path: the entries of its PYTHONPATH.
        :param kwargs: of subprocess.run, for example ``user``.
        """
        env = {'PATH': path, 'PYTHONPATH': os.pathsep.join(python_path)}
        return subprocess.run([self.python] + list(args), cwd=cwd, env=env,
                              capture_output=True, text=True, **kwargs)

    def overlay(self, *args, checkout=CHECKOUT, **kwargs):
        """Run heat-overlay with this Python, from a checkout."""
        return self.run('-m', 'heat_overlay', *args, cwd=checkout, **kwargs)


def _source(names):
    """Return source that defines ``{qualified name: parameters or None}``."""
    classes = {}
    for name, params in names.items():
        owner, _, last = name.rpartition('.')
        classes.setdefault(owner, []).append(
            '%s = ()' % last if params is None
            else 'def %s(%s): pass' % (last, params))
    lines = classes.pop('', [])
    for owner, body in classes.items():
        lines.append('class %s:' % owner)
        lines.extend('    ' + line for line in body)
    return '\n'.join(lines) + '\n'
