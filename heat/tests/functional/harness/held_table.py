# SPDX-License-Identifier: Apache-2.0

"""Hold real processes before a step, with a locked table."""

import contextlib

import sqlalchemy

from heat.tests.functional.harness import databases
from heat.tests.functional.harness import processes

# Readers continue, and so do processes that write no row.
_LOCK = {
    databases.MYSQL: 'LOCK TABLES %s READ',
    databases.POSTGRESQL: 'LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE',
}

# Counts the sessions on the database of a connection that wait for a lock.
_WAITING = {
    databases.MYSQL: (
        "SELECT count(*) FROM information_schema.processlist "
        "WHERE db = database() AND (state LIKE 'Waiting for table%' "
        "OR id IN (SELECT trx_mysql_thread_id "
        "FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'))"),
    databases.POSTGRESQL: (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"),
}


@contextlib.contextmanager
def held(database, model):
    """Keep all others from writing to a table while the block runs.

    :param database: a ``databases.Database`` of MariaDB or PostgreSQL
    :param model: a class of ``heat.db.models``
    """
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text(
            _LOCK[database.backend] % model.__tablename__))
        # The session and all its locks end with its connection.
        yield


def waiting(database):
    """How many sessions wait for a lock."""
    with database.engine.connect() as connection:
        return connection.scalar(sqlalchemy.text(_WAITING[database.backend]))


def wait_for_waiting(database, count):
    """Wait until this number of sessions waits for a lock."""
    processes.wait_until(lambda: waiting(database) >= count,
                         '%d sessions that wait' % count)
