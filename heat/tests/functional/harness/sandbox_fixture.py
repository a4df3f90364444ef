# SPDX-License-Identifier: Apache-2.0

"""A running heat-sandbox."""

import os
import signal
import sys
from urllib import parse

import fixtures
import sqlalchemy

from heat.tests.functional.harness import clients
from heat.tests.functional.harness import configuration
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import processes

READY = 'heat-sandbox: ready at '

_STOP = 60  # seconds


class _Database(databases.Database):
    """The database that a sandbox has made."""

    def __init__(self, url):
        super().__init__(databases.SQLITE)
        self._url = url

    def _create(self):
        return sqlalchemy.engine.make_url(self._url)


class SandboxProcess(processes.Process):
    """``python -m heat.sandbox.main``, whether it starts or not."""

    def __init__(self, name, arguments, folder):
        super().__init__(
            name, [sys.executable, '-m', 'heat.sandbox.main'] + arguments,
            processes.environment(), folder)

    def wait(self):
        """Wait until the process has ended.

        :returns: its exit status.
        """
        processes.wait_until(lambda: not self.alive(),
                             'end of %s' % self.name, _STOP)
        return self._popen.returncode


class Sandbox(clients.Clients, fixtures.Fixture):
    """Start heat-sandbox on a free port and stop it at the end.

    :param engine: ``legacy`` or ``convergence``.
    :param migrate_on_update: whether an update converts a legacy stack.
    :param conf: further options of ``[DEFAULT]``; a dict stands for a group.
    :ivar endpoint: the endpoint of the project that ``client`` is in.
    :ivar client: a heatclient; ``client_of`` makes one of another project.
    :ivar database_url: the SQLAlchemy URL of the database.
    :ivar database: the ``databases.Database``, to read rows with.
    :ivar config_file: the heat.conf that the sandbox wrote.
    :ivar process: the ``SandboxProcess`` that runs now.
    """

    def __init__(self, engine='convergence', migrate_on_update=False,
                 conf=None):
        super().__init__()
        self.engine = engine
        self.migrate_on_update = migrate_on_update
        self.conf = dict(conf or {})

    def _setUp(self):
        self.folder = self.useFixture(fixtures.TempDir()).path
        self.data_dir = os.path.join(self.folder, 'data')
        self.config_file = os.path.join(self.data_dir, 'heat.conf')
        self._extra_conf = os.path.join(self.folder, 'extra.conf')
        self._started = 0
        self.start()
        self.database_url = sqlalchemy.engine.URL.create(
            'sqlite', database=os.path.join(self.data_dir, 'heat.sqlite'),
            query={'timeout': '60'}).render_as_string()
        self.database = self.useFixture(_Database(self.database_url))

    def arguments(self):
        """Return the command line of the next start."""
        arguments = ['--data-dir', self.data_dir, '--port', '0',
                     '--engine', self.engine,
                     '--config-file', self._extra_conf]
        if self.migrate_on_update:
            arguments.append('--migrate-on-update')
        return arguments

    def start(self):
        """Start the sandbox and wait until it answers requests."""
        configuration.write(self._extra_conf, self.conf)
        self.process = self.useFixture(SandboxProcess(
            'sandbox-%d' % self._started, self.arguments(), self.folder))
        self._started += 1
        self.process.wait_until(lambda: READY in self.process.log(), 'ready')
        ready = self.process.log().partition(READY)[2]
        self.url = 'http://' + parse.urlsplit(ready.split()[0]).netloc

    def stop(self, number=signal.SIGTERM):
        """Stop the sandbox with a signal.

        :returns: its exit status.
        """
        self.process.signal(number)
        return self.process.wait()

    def restart(self, engine=None, migrate_on_update=None):
        """Stop the sandbox and start it on the same data, on another port.

        :param engine: None does not change the engine.
        :param migrate_on_update: None does not change the flag.
        """
        self.stop()
        if engine is not None:
            self.engine = engine
        if migrate_on_update is not None:
            self.migrate_on_update = migrate_on_update
        self.start()

    def sighup(self, **conf):
        """Change mutable options under the running sandbox."""
        size = self.process.log_size()
        self.conf = configuration.merged(self.conf, conf)
        configuration.write(self._extra_conf, self.conf)
        self.process.signal(signal.SIGHUP)
        self.process.wait_until(
            lambda: 'read the mutable options' in self.process.log(size),
            'mutable options')
