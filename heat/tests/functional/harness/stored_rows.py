# SPDX-License-Identifier: Apache-2.0

"""All rows of a database as text, to compare them and to bring them back."""

import sqlalchemy

# The engines of a test write their heartbeat into the first one.
_LEFT_ALONE = ('service', 'alembic_version')


class Rows:
    """What the tables of a database hold.

    The tables are reflected and not those of heat.db.models, so that JSON
    is the text that it is stored as, and damaged rows are rows too.

    :param database: a ``databases.Database``
    """

    def __init__(self, database):
        # One connection, to be kept: it is used some hundred times.
        self._engine = sqlalchemy.create_engine(
            database.url, poolclass=sqlalchemy.pool.QueuePool, pool_size=1)
        metadata = sqlalchemy.MetaData()
        metadata.reflect(self._engine)
        self._tables = [table for table in metadata.sorted_tables
                        if table.name not in _LEFT_ALONE]

    def read(self):
        """Read everything that is committed now.

        :returns: {table name: [row as dict]}, the rows in a fixed order.
        """
        with self._engine.connect() as connection:
            return {table.name: [dict(row) for row in connection.execute(
                table.select().order_by(*table.primary_key)).mappings()]
                for table in self._tables}

    def write(self, rows, now=None):
        """Make the database hold just what :meth:`read` has returned.

        :param now: what it has returned last, if nothing can have changed
        """
        now = now or self.read()
        changed = [table for table in self._tables
                   if now[table.name] != rows[table.name]]
        if not changed:
            return
        with self._engine.begin() as connection:
            # A row may refer to one of a table that has not changed, but
            # none of those refers to a row that is deleted here.
            for table in reversed(changed):
                connection.execute(table.delete())
            for table in changed:
                if rows[table.name]:
                    connection.execute(table.insert(), rows[table.name])

    def close(self):
        """Close the connection."""
        self._engine.dispose()
