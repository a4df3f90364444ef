# SPDX-License-Identifier: Apache-2.0

"""A real engine with its workers in the process of the test.

Where a Deployment (heat.tests.functional.harness.deployment) shows that all
of Heat works together, this one is for tests that need many stacks, or to
look at what resource plug-ins are asked to do.
"""

import fixtures
from oslo_db.sqlalchemy import enginefacade

from heat.db import api as db_api
from heat.db.migrate import tree as migrate_tree
from heat.db import models
from heat.engine import service
from heat.rpc import api as rpc_api
from heat.sandbox import database as sandbox_database
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import engine_case
from heat.tests.functional.harness import processes


class Engine(fixtures.Fixture):
    """A started EngineService.

    Needs what HeatTestCase sets up: the messaging (``fake://``) and a
    Keystone. Every other attribute is a method of the EngineService.

    :param database: the ``databases.Database`` with the stacks.
    """

    def __init__(self, database):
        super().__init__()
        self.database = database

    def _setUp(self):
        self._use_database()
        self._service = service.EngineService('in-process',
                                              rpc_api.ENGINE_TOPIC)
        self._service.start()
        self.addCleanup(self._service.stop)

    def _use_database(self):
        manager = enginefacade.transaction_context()
        # The database once more as slave: oslo.db then has an engine of its
        # own for transactions that only read, and they never wait for one
        # that writes.
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

    def __getattr__(self, name):
        return getattr(self._service, name)


class EngineTestCase(engine_case.EngineTestCase):
    """Tests that create stacks, in a database that a class shares.

    :cvar backend: one of ``databases.BACKENDS``; a class without is a base
        of others.
    :ivar heat: the running Engine.
    """

    backend = databases.SQLITE

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.database = None
        # Who requires the services is heat.tests.functional.harness.case.
        if databases.reachable(cls.backend):
            cls.database = databases.Database(cls.backend)
            cls.database.setUp()
            cls.addClassCleanup(cls.database.cleanUp)
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
        """Wait until the stack has ended what it does, and how.

        :returns: its row.
        """
        def ended():
            row = self.row(identity)
            if row['status'] != 'IN_PROGRESS' and not migrate_tree.get_locks(
                    self.ctx, [row['id']]):
                return row
        row = processes.wait_until(ended, status)
        self.assertEqual(status, row['status'], row['status_reason'])
        return row
