# SPDX-License-Identifier: Apache-2.0

"""A container image with Heat, as Kolla has it, and images built from it.

It is made of Debian's packages and of the Heat that runs the tests. buildah
builds, so no registry and no daemon is needed.
"""

import os
import shutil
import subprocess
import sys
import sysconfig

import fixtures

from heat.tests.functional.guides import debian
from heat.tests.functional.guides import host as guide_host
from heat.tests.functional.guides import wheel as wheel_fixtures
from heat.tests.functional.harness import clients
from heat.tests.functional.harness import processes
from heat.tests import overlay_fixtures

HOME = '/var/lib/kolla/venv'

#: The release of Debian whose Python is the one that runs the tests. Kolla on
#: Rocky Linux 9 has Python 3.9.
_SUITES = {(3, 9): 'bullseye', (3, 11): 'bookworm', (3, 13): 'trixie'}

_TOOLS = ('buildah', 'debootstrap', 'chroot')

_STORAGE = """\
[storage]
driver = "vfs"
graphroot = "{0}/graph"
runroot = "{0}/run"
"""

_MIGRATE = """\
[DEFAULT]
migrate_on_update = true
"""

_DOCKERFILE = """\
FROM scratch
COPY root /
ENV PATH=%s/bin:/usr/bin:/bin
RUN chown heat /home/heat
USER heat
"""


def missing():
    """What is missing to build images, in one line, or None."""
    absent = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if absent or os.getuid():
        return 'Needs root, and Debian\'s packages ' + ', '.join(_TOOLS[:2])
    if sys.version_info[:2] not in _SUITES:
        return 'No Debian has Python %d.%d' % sys.version_info[:2]
    return None


class KollaImage(fixtures.Fixture):
    """Build an image of a Heat without overlay, as a deployment runs it.

    It has what ``guide.Follower`` needs of a host.

    :ivar name: its name.
    :ivar admin: the folder where commands run.
    :ivar env: their environment, in which the image is known.
    """

    name = 'localhost/heat-engine:stock'
    root = ''

    def _setUp(self):
        self.folder = self.useFixture(fixtures.TempDir()).path
        self.env = processes.environment(
            stock=True, BUILDAH_ISOLATION='chroot', LC_ALL='C',
            CONTAINERS_STORAGE_CONF=guide_host.write(
                self.folder, 'storage.conf', _STORAGE.format(self.folder)))
        self.admin = os.path.join(self.folder, 'admin')
        os.mkdir(self.admin)
        self._root = os.path.join(self.folder, 'root')
        self.run('debootstrap', '--variant=minbase', '--include=python3-venv',
                 _SUITES[sys.version_info[:2]], self._root,
                 *debian.mirror())
        self._in_root('useradd', '--create-home', 'heat')
        self._in_root('python3', '-m', 'venv', '--without-pip', HOME)
        self._copy_heat()
        guide_host.write(
            self._root, 'etc/heat/heat.conf',
            wheel_fixtures.CONF % '/home/heat/heat.db' + _MIGRATE)
        guide_host.write(self.folder, 'Dockerfile', _DOCKERFILE % HOME)
        self.run('buildah', 'build', '--tag', self.name, self.folder)
        shutil.rmtree(self._root)

    def _in_root(self, *words):
        self.run('chroot', self._root, *words)

    def _copy_heat(self):
        installed = sysconfig.get_path('purelib')
        target = overlay_fixtures.site_packages(self._root + HOME)
        for name in guide_host.not_ours(installed):
            source = os.path.join(installed, name)
            copy = (shutil.copytree if os.path.isdir(source) else shutil.copy)
            copy(source, os.path.join(target, name))
        guide_host.copy_commands(self._root + HOME, HOME)

    def run(self, *words):
        """Run a command.

        :returns: what it prints.
        :raises CommandFailed: when it fails.
        """
        result = subprocess.run(words, env=self.env, text=True,
                                capture_output=True)
        if result.returncode:
            raise clients.CommandFailed(result)
        return result.stdout

    def container(self, image):
        """Make a :class:`Container` of an image."""
        return Container(self, self.run('buildah', 'from', image).strip())


class Container:
    """A container, in which commands run."""

    def __init__(self, image, name):
        self._image = image
        self._command = ('buildah', 'run', name, '--')

    def run(self, *words):
        """Run a command to its end; see KollaImage.run."""
        return self._image.run(*self._command, *words)

    def process(self, *words):
        """A ``processes.Process`` of a command."""
        return processes.Process(words[0], self._command + words,
                                 self._image.env, self._image.folder)
