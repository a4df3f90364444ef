# SPDX-License-Identifier: Apache-2.0

"""Prepare the SQLite database of a sandbox for Heat's many threads."""

import gc

import sqlalchemy
import tenacity

from heat.db import api as db_api
from heat.db import migration

_LOCK_TIMEOUT = 30  # seconds
_FORGOTTEN = 20  # attempts: longer than nearly all transactions take


def prepare():
    """Bring the configured database to Heat's newest schema.

    The database is created if it is missing. Its stacks are kept.
    """
    writer = db_api.context_manager.writer.get_engine()
    log_ahead(writer)
    # Not before: the migration inspects the schema over a second connection
    # while its transaction is open. Two connections cannot write at once.
    migration.db_sync()
    lock_on_begin(writer)


def log_ahead(engine):
    """Use write-ahead logging, so readers and the writer do not wait.

    The mode is stored in the file, so it also holds for other processes.
    """
    connection = engine.raw_connection()
    try:
        connection.cursor().execute('PRAGMA journal_mode = WAL')
    finally:
        connection.close()


def lock_on_begin(engine):
    """Let every transaction of an engine begin with SQLite's write lock.

    Otherwise a transaction that reads first and writes later fails at once if
    another one has written meanwhile.
    """
    sqlalchemy.event.listen(engine, 'before_cursor_execute', _begin,
                            retval=True)


def _begin(_connection, cursor, statement, parameters, _context,
           _executemany):
    # oslo.db begins every transaction on SQLite with this statement.
    if statement == 'BEGIN':
        _take_write_lock(cursor)
        statement = 'SELECT 1'
    return statement, parameters


def _close_forgotten(attempts):
    # Some queries of Heat 22 run in a session that is never closed. It keeps
    # the lock until Python's garbage collector runs.
    if attempts.attempt_number == _FORGOTTEN:
        gc.collect()


# SQLite itself would wait without yielding to other green threads. With
# eventlet the holder of the lock would then never run to release it.
@tenacity.retry(
    retry=tenacity.retry_if_exception_message(match='database is locked'),
    wait=tenacity.wait_random(0, 0.02), before_sleep=_close_forgotten,
    stop=tenacity.stop_after_delay(_LOCK_TIMEOUT), reraise=True)
def _take_write_lock(cursor):
    cursor.execute('PRAGMA busy_timeout = 0')
    try:
        cursor.execute('BEGIN IMMEDIATE')
    finally:
        cursor.execute('PRAGMA busy_timeout = %d' % (_LOCK_TIMEOUT * 1000))
