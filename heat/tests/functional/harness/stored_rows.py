# SPDX-License-Identifier: Apache-2.0

"""Read all rows of a database as text, to compare and restore them."""

import sqlalchemy

# The engines of a test write their heartbeat into the first one.
_LEFT_ALONE = ('service', 'alembic_version')


class Rows:
    """The rows of the tables of a database.

    The tables are reflected, not taken from heat.db.models. So JSON is read as
    its stored text, and damaged rows can be read.

    :param database: a ``databases.Database``
    """

    def __init__(self, database):
        # One connection, which is used some hundred times.
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
        """Restore exactly the rows that :meth:`read` has returned.

        :param now: the last result of it, if nothing can have changed
        """
        now = now or self.read()
        changed = []
        for table in self._tables:
            # What refers to a deleted row may be deleted with it.
            if now[table.name] != rows[table.name] or any(
                    key.column.table in changed for key in table.foreign_keys):
                changed.append(table)
        if not changed:
            return
        with self._engine.begin() as connection:
            for table in reversed(changed):
                connection.execute(table.delete())
            for table in changed:
                if rows[table.name]:
                    connection.execute(table.insert(), rows[table.name])

    def close(self):
        """Close the connection."""
        self._engine.dispose()
