# SPDX-License-Identifier: Apache-2.0

"""The errors of drivers when a database fails, in the words of servers."""

import contextlib
import sqlite3
import typing

import psycopg2
from psycopg2 import errors
import pymysql

from heat.tests.functional.harness import databases


class Fault(typing.NamedTuple):
    """A fault of a database.

    :ivar strike: causes the fault on a DBAPI connection that is about to be
        used, and raises the error of the driver
    :ivar retried: whether Heat runs the transaction again after it
    """

    strike: typing.Callable
    retried: bool = False


def _rolled_back(kind, *words):
    """The database rolls back, raises, and accepts more statements.

    InnoDB does so when it ends a deadlock. The next statements on the
    connection are a transaction of their own.
    """
    def strike(connection):
        connection.rollback()
        raise kind(*words)
    return strike


def _ended_by(statement):
    """The server ends the connection, and the driver raises an error."""
    def strike(connection):
        with contextlib.suppress(pymysql.err.Error, psycopg2.Error):
            connection.cursor().execute(statement)
    return strike


def _unanswered(kind, *words):
    """The server executes the statement, but no answer arrives."""
    def strike(_connection):
        raise kind(*words)
    return strike


DEADLOCK = 'Deadlock'
LOCK_TIMEOUT = 'Lock wait timeout'
LOST = 'Lost connection'
NO_ANSWER = 'Answer to COMMIT lost'
READ_ONLY = 'Read-only replica'
GALERA = 'Galera certification failure'
GALERA_NODE = 'Galera node not ready'
FULL = 'Disk full'

_MYSQL = pymysql.err.OperationalError

FAULTS = {
    databases.SQLITE: {
        LOCK_TIMEOUT: Fault(_rolled_back(
            sqlite3.OperationalError, 'database is locked')),
        READ_ONLY: Fault(_rolled_back(
            sqlite3.OperationalError,
            'attempt to write a readonly database')),
        FULL: Fault(_rolled_back(
            sqlite3.OperationalError, 'database or disk is full')),
    },
    databases.MYSQL: {
        DEADLOCK: Fault(_rolled_back(
            _MYSQL, 1213, 'Deadlock found when trying to get lock; try '
            'restarting transaction'), retried=True),
        LOCK_TIMEOUT: Fault(_rolled_back(
            _MYSQL, 1205, 'Lock wait timeout exceeded; try restarting '
            'transaction'), retried=True),
        LOST: Fault(_ended_by('KILL CONNECTION_ID()'), retried=True),
        NO_ANSWER: Fault(_unanswered(
            _MYSQL, 2013, 'Lost connection to MySQL server during query'),
            retried=True),
        READ_ONLY: Fault(_rolled_back(
            _MYSQL, 1290, 'The MariaDB server is running with the '
            '--read-only option so it cannot execute this statement')),
        GALERA: Fault(_rolled_back(
            _MYSQL, 1213, 'Deadlock: wsrep aborted transaction'),
            retried=True),
        GALERA_NODE: Fault(_rolled_back(
            _MYSQL, 1047, 'WSREP has not yet prepared node for application '
            'use'), retried=True),
        FULL: Fault(_rolled_back(
            _MYSQL, 1114, "The table 'resource' is full")),
    },
    databases.POSTGRESQL: {
        DEADLOCK: Fault(_rolled_back(
            errors.DeadlockDetected, 'deadlock detected\nDETAIL:  Process 1 '
            'waits for ShareLock on transaction 2; blocked by process 3.'),
            retried=True),
        LOCK_TIMEOUT: Fault(_rolled_back(
            errors.LockNotAvailable,
            'canceling statement due to lock timeout')),
        LOST: Fault(_ended_by(
            'SELECT pg_terminate_backend(pg_backend_pid())'), retried=True),
        NO_ANSWER: Fault(_unanswered(
            psycopg2.OperationalError,
            'server closed the connection unexpectedly'), retried=True),
        READ_ONLY: Fault(_rolled_back(
            errors.ReadOnlySqlTransaction,
            'cannot execute UPDATE in a read-only transaction')),
        FULL: Fault(_rolled_back(
            errors.DiskFull, 'could not extend file "base/1/2": No space '
            'left on device')),
    },
}
