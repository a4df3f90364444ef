# SPDX-License-Identifier: Apache-2.0

"""A session whose statements end at a deadline, whoever holds a lock.

The server ends a statement that hangs, because each transaction sets the
server's time limits. SQLite has none to set: there a transaction waits for its
lock only before its first statement.
"""

import contextlib
import math

#: Seconds by which the limit of the server may be too long. Setting it for
#: each statement would double the number of statements.
_SLACK = 1

# Its unit is the second, and NULL leaves a variable as it is.
_MYSQL_BEGIN = ('SET @migrate_row = @@SESSION.innodb_lock_wait_timeout, '
                '@migrate_table = @@SESSION.lock_wait_timeout')
_MYSQL = ('SET SESSION innodb_lock_wait_timeout = %(seconds)d, '
          'SESSION lock_wait_timeout = %(seconds)d')
_MYSQL_END = ('SET SESSION innodb_lock_wait_timeout = @migrate_row, '
              'SESSION lock_wait_timeout = @migrate_table')
# MariaDB alone can also end a statement that is only slow.
_MARIADB_BEGIN = ', @migrate_statement = @@SESSION.max_statement_time'
_MARIADB = ', SESSION max_statement_time = %(seconds)d'
_MARIADB_END = ', SESSION max_statement_time = @migrate_statement'

# Of the transaction only; in milliseconds.
_POSTGRESQL = ('SET LOCAL lock_timeout = %(milliseconds)d; '
               'SET LOCAL statement_timeout = %(milliseconds)d')


class _Session:
    """A session of SQLAlchemy's that checks the deadline first."""

    def __init__(self, session, deadline, label):
        self._session = session
        self._deadline = deadline
        self._label = label
        self._told = None
        self._connection = None
        dialect = session.get_bind().dialect
        mariadb = getattr(dialect, 'is_mariadb', False)
        self._begin, self._limit, self._end = {
            'mysql': (_MYSQL_BEGIN + _MARIADB_BEGIN * mariadb,
                      _MYSQL + _MARIADB * mariadb,
                      _MYSQL_END + _MARIADB_END * mariadb),
            'postgresql': (None, _POSTGRESQL, None),
        }.get(dialect.name, (None, None, None))

    def execute(self, *args, **kwargs):
        self.prepare()
        return self._session.execute(*args, **kwargs)

    def scalars(self, *args, **kwargs):
        self.prepare()
        return self._session.scalars(*args, **kwargs)

    def scalar(self, *args, **kwargs):
        self.prepare()
        return self._session.scalar(*args, **kwargs)

    def connection(self):
        self.prepare()
        return self._session.connection()

    def add(self, row):
        """Add a row of the ORM, and write it at once."""
        self._session.add(row)
        self.prepare()
        self._session.flush()

    def prepare(self):
        """Check that there is time left, and set the limit of the server."""
        self._deadline.check(self._label)
        left = self._deadline.left
        if self._limit is None or (
                self._told is not None and left > self._told - _SLACK):
            return
        self._connection = self._session.connection()
        if self._told is None and self._begin:
            self._connection.exec_driver_sql(self._begin)
        self._told = left
        self._connection.exec_driver_sql(self._limit % {
            'seconds': max(1, math.ceil(left)),
            'milliseconds': max(1, math.ceil(left * 1000))})

    def restore(self):
        """Restore the limits that the connection had."""
        if self._told is None or self._end is None:
            return
        # Not by the session: after an error in a flush it gives none.
        try:
            self._connection.exec_driver_sql(self._end)
        except Exception:
            # No other user of the pool must get it with these limits.
            self._connection.invalidate()
            raise


@contextlib.contextmanager
def within(session, deadline, label):
    """Give a session whose statements end at the deadline.

    :param deadline: a heat.common.migrate.deadline.Deadline; with one that
        never comes the session is the one that was given
    :param label: the stack in words
    """
    if deadline.left is None:
        yield session
        session.flush()
        return
    limited = _Session(session, deadline, label)
    try:
        yield limited
    except BaseException:
        with contextlib.suppress(Exception):
            limited.restore()
        raise
    limited.restore()
