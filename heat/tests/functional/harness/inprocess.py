# SPDX-License-Identifier: Apache-2.0

"""A real engine with its workers in the process of the test.

A Deployment (heat.tests.functional.harness.deployment) shows that all of Heat
works together. This engine is for tests that need many stacks, or that check
the calls of resource plug-ins.
"""

import functools
import threading

import fixtures
from oslo_db.sqlalchemy import enginefacade

from heat.db import api as db_api
from heat.db.migrate import tree as migrate_tree
from heat.db import models
from heat.engine import service
from heat.engine import worker
from heat.rpc import api as rpc_api
from heat.rpc import worker_client
from heat.sandbox import database as sandbox_database
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import engine_case
from heat.tests.functional.harness import processes

#: The messages of ``WorkerClient.cast``; older releases have only the first.
_HANDLERS = ('check_resource', 'check_resource_delete_snapshot')


class Engine(fixtures.Fixture):
    """A started EngineService.

    It needs the messaging (``fake://``) and the Keystone that HeatTestCase
    sets up. Every other attribute is a method of the EngineService.

    :param database: the ``databases.Database`` with the stacks.
    """

    def __init__(self, database):
        super().__init__()
        self.database = database

    def _setUp(self):
        self._use_database()
        self._count_messages()
        self._service = service.EngineService('in-process',
                                              rpc_api.ENGINE_TOPIC)
        self._service.start()
        self.addCleanup(self._service.stop)

    def _use_database(self):
        manager = enginefacade.transaction_context()
        # The same database as slave: oslo.db then has a separate engine for
        # transactions that only read, and they never wait for a writer.
        manager.configure(connection=self.database.url,
                          slave_connection=self.database.url,
                          synchronous_reader=False,
                          sqlite_synchronous=False)
        self.addCleanup(db_api.context_manager.patch_factory(manager))
        engine = db_api.context_manager.writer.get_engine()
        self.addCleanup(engine.dispose)
        self.addCleanup(
            db_api.context_manager.reader.get_engine().dispose)
        if self.database.backend == databases.SQLITE:
            sandbox_database.log_ahead(engine)
            sandbox_database.lock_on_begin(engine)

    def _count_messages(self):
        """Count the messages to the workers that are not handled yet."""
        self._messages = 0
        self._counting = threading.Lock()
        cast = worker_client.WorkerClient.cast

        def counted(*args, **kwargs):
            self._count(1)
            return cast(*args, **kwargs)
        self.useFixture(fixtures.MonkeyPatch(
            'heat.rpc.worker_client.WorkerClient.cast', counted))
        for name in _HANDLERS:
            if hasattr(worker.WorkerService, name):
                self.useFixture(fixtures.MonkeyPatch(
                    'heat.engine.worker.WorkerService.%s' % name,
                    self._counting_down(getattr(worker.WorkerService, name))))

    def _counting_down(self, method):
        @functools.wraps(method)
        def handle(*args, **kwargs):
            try:
                return method(*args, **kwargs)
            finally:
                self._count(-1)
        return handle

    def _count(self, change):
        with self._counting:
            self._messages += change

    def idle(self):
        """Whether the workers have handled all of their messages.

        A worker that has marked a stack as complete still deletes rows that
        the stack no longer needs.
        """
        return self._messages == 0

    def __getattr__(self, name):
        return getattr(self._service, name)


class EngineTestCase(engine_case.EngineTestCase):
    """Tests that create stacks, in a database that a class shares.

    :cvar backend: one of ``databases.BACKENDS``; a class without one is a base
        class.
    :ivar heat: the running Engine.
    """

    backend = databases.SQLITE

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        databases.set_up_for_class(cls)
        if cls.backend == databases.SQLITE:
            # While a resource is updated, Heat may delete a row of
            # attributes twice (Resource.clear_stored_attributes).
            databases.never_reuse_ids(cls.database.engine,
                                      models.ResourcePropertiesData)

    def setUp(self):
        super().setUp()
        if self.database is None:
            # In a tuple, because a URL is one.
            self.skipTest('%s is not reachable' % (
                databases.server_url(self.backend),))
        self.heat = self.useFixture(Engine(self.database))

    def finish(self, identity):
        self.wait_for(identity)

    def wait_for(self, identity, status='COMPLETE'):
        """Wait until the operation of the stack ends, with a status.

        The workers are idle afterwards, so all rows are written.

        :returns: its row.
        """
        def ended():
            row = self.row(identity)
            if (row['status'] != 'IN_PROGRESS' and
                    not migrate_tree.get_locks(self.ctx, [row['id']]) and
                    self.heat.idle()):
                # Some rows may be written after the status.
                return self.row(identity)
        row = processes.wait_until(ended, status)
        self.assertEqual(status, row['status'], row['status_reason'])
        return row
