# SPDX-License-Identifier: Apache-2.0

"""Collect the SQL statements of Heat."""

import fixtures
from oslo_config import cfg
import sqlalchemy

from heat.db import api as db_api


class Statements(fixtures.Fixture):
    """Collects the statements that are sent while it is in use.

    :ivar texts: their SQL
    :ivar parameters: the parameters of each
    """

    def _setUp(self):
        self.texts = []
        self.parameters = []
        # Otherwise Heat counts the events of the stack for one event in a
        # hundred that it stores, by chance (heat.db.api.event_create).
        cfg.CONF.set_override('max_events_per_stack', 0)
        self.addCleanup(cfg.CONF.clear_override, 'max_events_per_stack')
        listener = (db_api.get_engine(), 'before_cursor_execute', self._note)
        sqlalchemy.event.listen(*listener)
        self.addCleanup(sqlalchemy.event.remove, *listener)

    def _note(self, _connection, _cursor, statement, parameters, _context,
              _executemany):
        # oslo.db begins the transactions of SQLite with a statement. With
        # SQLAlchemy 1.4 it also checks a connection with one.
        if statement not in ('BEGIN', 'SELECT 1'):
            self.texts.append(statement)
            self.parameters.append(parameters)
