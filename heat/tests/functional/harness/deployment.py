# SPDX-License-Identifier: Apache-2.0

"""A real Heat: an API, some engines, a message broker and a database."""

import functools
import os
import signal

import fixtures

from heat.db import models
from heat.tests.functional.harness import broker
from heat.tests.functional.harness import clients
from heat.tests.functional.harness import configuration
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import identity
from heat.tests.functional.harness import processes
from heat.tests.functional.harness import wsgi_server
from heat.tests import releases


class Deployment(clients.Clients, fixtures.Fixture):
    """Start Heat and stop it, with everything it used, at the end.

    :param database: a backend of ``databases.BACKENDS``. SQLite allows only
        one engine.
    :param engines: how many ``heat-engine`` processes, of one worker each.
    :param extra_conf: further options; a dict stands for a group.
    :param stock: run Heat without the overlay.
    :param bin_dir: take Heat's commands from another environment.
    :ivar database: the ``databases.Database``.
    :ivar engines: the running ``processes.Process``, oldest first.
    :ivar client: a heatclient in the project ``PROJECT``.
    :ivar config_file: the heat.conf that all the processes read.
    """

    def __init__(self, database=databases.SQLITE, engines=1,
                 convergence_engine=False, migrate_on_update=False,
                 extra_conf=None, stock=False, bin_dir=None):
        super().__init__()
        self.backend = database
        self.stock = stock
        self.bin_dir = bin_dir
        self._count = engines
        self._conf = dict({'convergence_engine': convergence_engine,
                           'migrate_on_update': migrate_on_update},
                          **extra_conf or {})

    def _setUp(self):
        self.folder = self.useFixture(fixtures.TempDir()).path
        self.database = self.useFixture(databases.Database(self.backend))
        self._conf = configuration.merged(self._conf, self._start_identity())
        self._conf = configuration.merged(self._conf, {
            'transport_url': self._start_broker(),
            'database': {'connection': self.database.url}})
        self.configure()
        self.engines = []
        self._started = 0
        self._start_api()
        self.start_engines(self._count)

    def _start_identity(self):
        """Start the stand-in for Keystone; returns the options to use it."""
        return {'clients_keystone': {
            'auth_uri': self.useFixture(identity.Identity()).url}}

    def _start_broker(self):
        """Start the message broker; returns the transport_url."""
        return self.useFixture(broker.Broker()).url

    def configure(self, **conf):
        """Change options in heat.conf; running processes must be signalled.

        :param conf: options of ``[DEFAULT]``; a dict stands for a group.
        """
        self._conf = configuration.merged(self._conf, conf)
        # oslo.config looks in ~/.heat: a WSGI server has no --config-file.
        folder = os.path.join(self.folder, '.heat')
        os.makedirs(folder, exist_ok=True)
        self.config_file = configuration.create(folder, self._conf)

    @functools.cached_property
    def client(self):
        """A heatclient in the project ``PROJECT``, logged in only once."""
        return self.client_of()

    def environment(self, stock=None, tree=processes.TREE):
        return processes.environment(
            self.stock if stock is None else stock, tree, HOME=self.folder)

    def _start_api(self):
        server = self.useFixture(wsgi_server.WSGIServer(
            'api', wsgi_server.HEAT_API,
            self.environment(), self.folder, threads=8,
            bin_dir=self.bin_dir))
        self.url = server.url
        self.api = server.process

    # Engines

    def start_engines(self, count, stock=None, tree=processes.TREE, **conf):
        """Start more engines and wait until Heat lists them as up.

        :param stock: without the overlay (default: as the deployment).
        :param tree: the folder of the overlay.
        :param conf: options of these engines only.
        :returns: the new ``processes.Process``.
        """
        stock = self.stock if stock is None else stock
        engines = [self._start_engine(stock, tree, conf)
                   for _ in range(count)]
        for engine in engines:
            engine.wait_until(lambda: self._registered(engine), 'service row')
        up = self.services_up()
        missing = {engine.name for engine in engines} - up
        if missing:
            raise processes.Unready('Not up: %s' % ', '.join(missing))
        return engines

    def _start_engine(self, stock, tree, conf):
        # A new name after each restart distinguishes it from older service
        # rows.
        name = 'engine-%d' % self._started
        self._started += 1
        own = os.path.join(self.folder, name + '.conf')
        configuration.write(own, dict(conf, host=name))
        engine = self.useFixture(processes.Process(
            name, [processes.command('heat-engine', self.bin_dir),
                   '--config-file', self.config_file, '--config-file', own],
            self.environment(stock, tree), self.folder))
        self.engines.append(engine)
        return engine

    def _registered(self, engine):
        return self.database.rows(models.Service, host=engine.name,
                                  deleted_at=None)

    def services_up(self):
        """Ask the API which engines are up.

        :returns: the set of their names.
        """
        return {service.host for service in self.client.services.list()
                if service.status == 'up'}

    def kill_engines(self, engines=None):
        """Kill engines at once, also while they work.

        Heat would list them as up for two more minutes, and heat-manage would
        not convert beside engines that do not answer.

        :param engines: these only, if they still run; by default all.
        """
        killed = [engine for engine in self.engines
                  if engines is None or engine in engines]
        for engine in killed:
            engine.kill()
        with self.database.engine.begin() as connection:
            connection.execute(models.Service.__table__.delete().where(
                models.Service.host.in_(
                    [engine.name for engine in killed])))
        self.engines = [engine for engine in self.engines
                        if engine not in killed]

    def restart_engines(self, stock=None, **conf):
        """End all engines and start as many with other options.

        The engines must be idle: a graceful stop, up to 15 seconds of waiting
        for RabbitMQ to close its channels, takes too long here.
        """
        self.replace_engines(len(self.engines), stock, **conf)

    def replace_engines(self, count, stock=None, **conf):
        """End all engines, as ``restart_engines``, and start a number."""
        self.kill_engines()
        self.configure(**conf)
        if count:
            self.start_engines(count, stock)

    def sighup(self, **conf):
        """Change mutable options under the running engines.

        On SIGHUP the master process of an engine reads its files again and
        replaces its worker (cotyledon's ``Service.reload``), once the worker
        has finished its work. With eventlet there is only one process, which
        continues.

        :param conf: options of ``[DEFAULT]``; a dict stands for a group.
        """
        self.configure(**conf)
        marks = [engine.log_size() for engine in self.engines]
        for engine in self.engines:
            engine.signal(signal.SIGHUP)
        for engine, mark in zip(self.engines, marks):
            engine.wait_until(
                lambda: releases.REREAD in engine.log(mark),
                'log line that says "%s"' % releases.REREAD)
