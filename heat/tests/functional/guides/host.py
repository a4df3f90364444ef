# SPDX-License-Identifier: Apache-2.0

"""A host of the guides: a folder that stands for /, with Heat in it."""

from importlib import metadata
import os
import re
import shlex
import shutil
import sysconfig
import venv

import fixtures

from heat.tests.functional.guides import guide
from heat.tests.functional.guides import wheel as wheel_fixtures
from heat.tests.functional.harness import processes
from heat.tests import other_user
from heat.tests import overlay_fixtures

# The line of Python when an engine with the overlay loads the converter.
_WITH_OVERLAY = "import 'heat.engine.convergence_migrate'"

# Called as the guides call it: -u heat -- COMMAND.
_RUNUSER = '#!/bin/sh\nshift 3\nexec %s "$@"\n'


class Host(fixtures.Fixture):
    """A folder with an environment that has the Heat which runs the tests.

    Its packages are links, not copies, and our own distribution is left out.
    The environment has the engine's heat.conf with a database that is in
    order, and one unit that may start the engine.

    :param home: path of the environment on the host, for example /opt/heat
    :ivar root: the folder.
    :ivar admin: the folder in it where commands run.
    :ivar env: their environment.
    :ivar database: the database, which is not created yet.
    """

    def __init__(self, home):
        super().__init__()
        self._home = home

    def _setUp(self):
        self.root = os.path.realpath(
            self.useFixture(fixtures.TempDir()).path)
        # Readable as the root of a host is: the engine runs as another user.
        os.chmod(self.root, 0o755)
        self.home = self.root + self._home
        self.admin = os.path.join(self.root, 'admin')
        os.mkdir(self.admin)
        self.database = os.path.join(self.root, 'heat.db')
        venv.create(self.home, symlinks=True)
        _link_installed(overlay_fixtures.site_packages(self.home))
        copy_commands(self.home, self.home)
        self._configure()
        self._add_runuser()
        # Files that the packages, or the first lines of a guide, install.
        self.units = ['usr/lib/systemd/system/heat-engine.service',
                      'etc/systemd/system/heat-engine.service',
                      'etc/systemd/system/heat-engine.service.d/'
                      'convergence.conf']
        write(self.root, self.units[0],
              '[Service]\nExecStart=%s/bin/heat-engine\n' % self.home)

    def _configure(self):
        conf = wheel_fixtures.CONF % self.database
        # Where the unit of a guide and where commands of themselves look.
        write(self.root, 'etc/heat/heat.conf', conf)
        write(self.root, '.heat/heat.conf', conf)
        self.env = processes.environment(
            stock=True, HOME=self.root, LC_ALL='C',
            PIP_DISABLE_PIP_VERSION_CHECK='1', PATH=os.pathsep.join(
                (os.path.join(self.home, 'bin'),
                 os.path.join(self.root, 'usr/sbin'), os.defpath)))

    def _add_runuser(self):
        """Add a runuser that runs commands as another user, if possible.

        The Python of the tests may be readable only by its owner.
        """
        words = other_user.prefix(
            os.path.join(self.home, 'bin', 'python'), '-c', 'import heat')
        path = write(self.root, 'usr/sbin/runuser', _RUNUSER % words)
        os.chmod(path, 0o755)

    def systemctl(self, words):
        """Act as systemctl, and check that the engine serves.

        :param words: the words after ``systemctl``
        :returns: whether the engine has the overlay; None if none started
        :raises Unready: when the engine does not come up
        """
        # No engine runs here between two steps.
        if words == 'daemon-reload' or words.startswith('kill '):
            return None
        if words != 'restart heat-engine':
            raise ValueError('Not known: systemctl %s' % words)
        engine = processes.Process(
            'engine', shlex.split(self._start_line()),
            dict(self.env, PYTHONVERBOSE='1'), self.root)
        with engine:
            engine.wait_until(lambda: 'Starting engine_worker' in engine.log(),
                              'engine that serves')
            engine.stop()
            log = engine.log()
            os.remove(engine.log_file)
        return _WITH_OVERLAY in log

    def _start_line(self):
        """Return the effective ExecStart: the last one, of the last file."""
        lines = []
        for name in self.units:
            path = os.path.join(self.root, name)
            if os.path.exists(path):
                with open(path) as unit:
                    lines += re.findall('^ExecStart=(.+)$', unit.read(),
                                        re.MULTILINE)
        return lines[-1]


class Builder(Host):
    """The host where the wheel for the guides was built."""

    def __init__(self):
        super().__init__('/opt/heat')

    def _setUp(self):
        super()._setUp()
        # The folder with the checkout in it, as in the guide.
        os.symlink(processes.TREE, os.path.join(
            self.admin, 'heat-convergence-migrate'))
        follower = guide.Follower(self)
        for step in guide.read('operator/install.rst'):
            follower.follow(step)

    def copy_wheel(self, host):
        """Give the wheel to another host."""
        shutil.copytree(os.path.join(self.admin, 'dist'),
                        os.path.join(host.admin, 'dist'))


def write(root, name, text):
    """Write a file below a folder that stands for /; returns its path."""
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as out:
        out.write(text)
    return path


def copy_commands(home, known_as):
    """Copy Heat's commands into an environment.

    :param home: the path of the environment
    :param known_as: its path for the users of the commands
    """
    for name in ('heat-engine', 'heat-manage', 'heat-status'):
        with open(processes.command(name)) as source:
            text = source.read().partition('\n')[2]
        path = os.path.join(home, 'bin', name)
        with open(path, 'w') as target:
            target.write('#!%s/bin/python3\n%s' % (known_as, text))
        os.chmod(path, 0o755)


def not_ours(site_packages):
    """Name the files of a folder that are not from our distribution."""
    ours = {file.parts[0] for file in
            metadata.distribution('heat-convergence-migrate').files}
    return set(os.listdir(site_packages)) - ours


def _link_installed(site_packages):
    installed = sysconfig.get_path('purelib')
    for name in not_ours(installed) - {'__pycache__'}:
        link = os.path.join(site_packages, name)
        if not os.path.lexists(link):
            os.symlink(os.path.join(installed, name), link)
