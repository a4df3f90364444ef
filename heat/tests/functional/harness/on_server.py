# SPDX-License-Identifier: Apache-2.0

"""Run unit tests again, on the database of a server."""

import sys

from oslo_db.sqlalchemy import enginefacade

from heat.db import api as db_api
from heat.tests.functional.harness import databases


_NAMES = {databases.MYSQL: 'MySQL', databases.POSTGRESQL: 'PostgreSQL'}


class OnServer:
    """A mixin before HeatTestCase that makes the tests use another database.

    HeatTestCase itself creates the tables that are missing, and deletes all
    rows in the end.

    :cvar backend: one of ``databases.BACKENDS``
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        databases.set_up_for_class(cls)

    def setUp(self):
        if self.database is not None:
            manager = enginefacade.transaction_context()
            manager.configure(connection=self.database.url)
            self.addCleanup(db_api.context_manager.patch_factory(manager))
            self.addCleanup(manager.writer.get_engine().dispose)
        super().setUp()
        if self.database is None:
            self.skipTest('%s is not reachable' % (
                databases.server_url(self.backend),))
        self.assertEqual(self.backend, db_api.get_engine().dialect.name)


def on_servers(*cases):
    """Make a class of each test case for each server.

    :returns: {name: class}, for the globals of a module of tests
    """
    # Their ids begin with that module, as the runs of some tests expect.
    module = sys._getframe(1).f_globals['__name__']
    return {cls.__name__: cls for cls in (
        type(name + case.__name__, (OnServer, case),
             {'backend': backend, '__module__': module})
        for backend, name in _NAMES.items() for case in cases)}
