# SPDX-License-Identifier: Apache-2.0

"""Find how large a statement may be for the database server.

MariaDB and MySQL cut the connection of a client that sends more than
max_allowed_packet. SQLite and PostgreSQL take a gigabyte.
"""

from heat.db import api as db_api
from heat.db.migrate import chunks as migrate_chunks

_KEY = 'migrate_max_allowed_packet'


def limit(session):
    """Bytes of a statement that the server takes; None if it takes any.

    A connection keeps the value from its beginning, so each one is asked once.
    """
    connection = session.connection()
    if connection.dialect.name != 'mysql':
        return None
    if _KEY not in connection.info:
        connection.info[_KEY] = connection.exec_driver_sql(
            'SELECT @@SESSION.max_allowed_packet').scalar()
    return connection.info[_KEY]


def chunk_bytes(session):
    """Bytes of the values of one statement, for migrate_chunks.chunks."""
    most = limit(session)
    # The names of columns and of bound parameters need room too.
    return min(migrate_chunks.BYTES, most // 4 if most else
               migrate_chunks.BYTES)


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_limit(context):
    """Read :func:`limit` in a transaction of its own."""
    return limit(context.session)
