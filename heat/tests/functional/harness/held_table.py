# SPDX-License-Identifier: Apache-2.0

"""Hold real processes at a step that they are about to do, in PostgreSQL."""

import contextlib

import sqlalchemy

from heat.tests.functional.harness import processes

# Reading goes on, and so does who has no row to write.
_LOCK = 'LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE'

_WAITING = sqlalchemy.text(
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
    "AND datname = current_database()")


@contextlib.contextmanager
def held(database, model):
    """Let nobody write to a table while the block runs.

    :param database: a ``databases.Database`` of PostgreSQL
    :param model: a class of ``heat.db.models``
    """
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text(_LOCK % model.__tablename__))
        yield


def wait_for_waiting(database, count):
    """Wait until this number of sessions waits for a lock."""
    def waiting():
        with database.engine.connect() as connection:
            return connection.scalar(_WAITING) >= count
    processes.wait_until(waiting, '%d sessions that wait' % count)
