# SPDX-License-Identifier: Apache-2.0

"""A Debian with its own packages of Heat in a folder, and Heat running there.

debootstrap makes the folder, apt installs what the release of Debian has. The
broker and the database server are those of the other tests.
"""

import os
import shlex
import shutil
import signal
import socket
import subprocess

import fixtures
import yaml

from heat.tests.functional.guides import guide
from heat.tests.functional.guides import host as guide_host
from heat.tests.functional.harness import broker
from heat.tests.functional.harness import clients
from heat.tests.functional.harness import configuration
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import identity
from heat.tests.functional.harness import processes

_PACKAGES = ('heat-api', 'heat-engine', 'python3-pymysql', 'python3-venv')

# Only the test starts services.
_POLICY = '#!/bin/sh\nexit 101\n'

# The folder is temporary, so nothing needs to reach the disk.
_DPKG = 'force-unsafe-io\n'

# The command that prints the Debian archives of the host.
_MIRRORS = ('apt-get', 'indextargets', '--format', '$(REPO_URI)',
            'Created-By: Packages', 'Origin: Debian', 'Label: Debian')

_ENVIRONMENT = {'HOME': '/root', 'LC_ALL': 'C.UTF-8', 'PYTHONWARNINGS':
                'ignore', 'PATH': '/usr/sbin:/usr/bin:/sbin:/bin',
                'DEBIAN_FRONTEND': 'noninteractive',
                'PIP_DISABLE_PIP_VERSION_CHECK': '1'}


def missing():
    """What is missing to make a Debian, in one line, or None."""
    if os.getuid() or shutil.which('debootstrap') is None:
        return 'Needs root, and Debian\'s package debootstrap'
    if not (broker.reachable() and databases.reachable(databases.MYSQL)):
        return 'Needs RabbitMQ and MariaDB'
    return None


def mirror():
    """Return the words that name the host's own archive to debootstrap."""
    if shutil.which('apt-get') is None:
        return []
    return subprocess.run(_MIRRORS, check=True, text=True,
                          stdout=subprocess.PIPE).stdout.split()[:1]


def _answers(port):
    with socket.socket() as client:
        return client.connect_ex(('127.0.0.1', port)) == 0


class Debian(clients.Clients, fixtures.Fixture):
    """One release of Debian, with its Heat.

    It has what ``guide.Follower`` needs of a host. Paths are within the
    folder.

    :param suite: the release, for example ``trixie``.
    :ivar admin: root's home, where commands run, as a path of the host.
    :ivar engine: the running ``processes.Process``.
    """

    root = ''

    def __init__(self, suite):
        super().__init__()
        self._suite = suite
        self._runs = 0

    def _setUp(self):
        self.folder = self.useFixture(fixtures.TempDir()).path
        self._tree = os.path.join(self.folder, 'root')
        self.admin = os.path.join(self._tree, 'root')
        self.env = _ENVIRONMENT
        self._install()
        self.database = self.useFixture(
            databases.Database(databases.MYSQL, schema=False))
        self._conf = {
            'transport_url': self.useFixture(broker.Broker()).url,
            'convergence_engine': False,
            'clients_keystone': {
                'auth_uri': self.useFixture(identity.Identity()).url},
            'database': {'connection': self.database.url}}
        self.configure()
        self.run('heat-manage', 'db_sync')
        self._start_api()
        self._start_engine()

    def _install(self):
        subprocess.run(('debootstrap', '--variant=minbase', self._suite,
                        self._tree, *mirror()), check=True,
                       stdout=subprocess.DEVNULL)
        policy = guide_host.write(self._tree, 'usr/sbin/policy-rc.d', _POLICY)
        os.chmod(policy, 0o755)
        guide_host.write(self._tree, 'etc/dpkg/dpkg.cfg.d/unsafe', _DPKG)
        # Any user may write there on a host. Engines of Heat 26 and later have
        # their locks there.
        os.chmod(os.path.join(self._tree, 'dev/shm'), 0o1777)
        self.run('apt-get', 'install', '--quiet', '--yes',
                 '--no-install-recommends', *_PACKAGES)

    def configure(self, **conf):
        """Change options in heat.conf; running processes must be signalled."""
        self._conf = configuration.merged(self._conf, conf)
        folder = os.path.join(self._tree, 'etc/heat')
        # The packages own this file: it must stay as it is.
        with open(os.path.join(folder, 'api-paste.ini')) as paste:
            guide_host.write(self._tree, 'etc/heat/test-paste.ini',
                             configuration.with_auth_url(paste.read()))
        guide_host.write(self._tree, 'etc/heat/test-policy.yaml',
                         yaml.safe_dump(configuration.policy()))
        configuration.write(
            os.path.join(folder, 'heat.conf'),
            configuration.merged(configuration.merged(
                configuration.DEFAULTS, {
                    'paste_deploy': {
                        'api_paste_config': '/etc/heat/test-paste.ini'},
                    'oslo_policy': {
                        'policy_file': '/etc/heat/test-policy.yaml'}}),
                self._conf))

    def follower(self):
        """Return a Follower of guides for this Debian."""
        return guide.Follower(self, ('chroot', self._tree, 'env', '-C',
                                     '/root', '/bin/sh', '-c'))

    def run(self, *words, **_variables):
        """Run a command to its end.

        :returns: what it prints.
        :raises CommandFailed: when it fails.
        """
        done = subprocess.run(('chroot', self._tree) + words, text=True,
                              env=self.env, capture_output=True)
        if done.returncode:
            raise clients.CommandFailed(done)
        return done.stdout

    def _process(self, name, *words):
        return self.useFixture(processes.Process(
            name, ('chroot', '--userspec=heat:heat', self._tree) + words,
            dict(self.env, HOME='/var/lib/heat'), self.folder))

    def _start_api(self):
        with socket.create_server(('127.0.0.1', 0)) as listener:
            port = listener.getsockname()[1]
        self.url = 'http://127.0.0.1:%d' % port
        api = self._process('api', 'heat-wsgi-api', '--host', '127.0.0.1',
                            '--port', str(port))
        api.wait_until(lambda: _answers(port), 'API')

    def _start_engine(self):
        self._runs += 1
        self.engine = self._process('engine-%d' % self._runs, 'heat-engine')
        self.engine.wait_until(
            lambda: 'Starting engine_worker' in self.engine.log(),
            'engine that serves')

    def unit(self):
        """Return the text of the engine's unit."""
        return self.run('cat', '/usr/lib/systemd/system/heat-engine.service')

    def left(self):
        """Name the remaining files of the overlay."""
        return self.run('find', '/usr', '/etc', '/opt', '/var/lib', '-name',
                        '*heat*overlay*').split()

    def systemctl(self, words):
        """Do what systemctl does with the unit of the package.

        :param words: the words after ``systemctl``.
        """
        words = shlex.split(words)
        if words == ['restart', 'heat-engine']:
            # As systemd does. A killed engine is still listed as up.
            self.engine.stop()
            self._start_engine()
            return
        if words == ['kill', '--kill-whom=main', '--signal=HUP',
                     'heat-engine']:
            since = self.engine.log_size()
            self.engine.signal(signal.SIGHUP)
            # An engine that runs on threads starts its worker again: a request
            # that comes before is lost, as with the stock Heat.
            ready = ('Starting engine_worker'
                     if 'backend._threading' in self.engine.log()
                     else 'changed from')
            self.engine.wait_until(
                lambda: ready in self.engine.log(since),
                'engine that has read its options again')
            return
        raise ValueError('Not known: systemctl %s' % words)
