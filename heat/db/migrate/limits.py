# SPDX-License-Identifier: Apache-2.0

"""A session whose statements end at a deadline, even if they wait.

The server ends a statement that hangs, because each transaction sets the
server's time limits. SQLite has no time limits. There a transaction waits for
its lock only before its first statement.
"""

import contextlib
import math

#: Seconds by which the limit of the server may be too long. To set it for each
#: statement would double the number of statements.
_SLACK = 1

# In seconds.
_MYSQL_KEEP = ('@migrate_row = @@SESSION.innodb_lock_wait_timeout, '
               '@migrate_table = @@SESSION.lock_wait_timeout, ')
_MYSQL = ('SESSION innodb_lock_wait_timeout = %(seconds)d, '
          'SESSION lock_wait_timeout = %(seconds)d')
_MYSQL_END = ('SET SESSION innodb_lock_wait_timeout = @migrate_row, '
              'SESSION lock_wait_timeout = @migrate_table')
# MariaDB alone can also end a statement that is only slow.
_MARIADB_KEEP = '@migrate_statement = @@SESSION.max_statement_time, '
_MARIADB = ', SESSION max_statement_time = %(seconds)d'
_MARIADB_END = ', SESSION max_statement_time = @migrate_statement'

# For this transaction only; in milliseconds.
_POSTGRESQL = ('SET LOCAL lock_timeout = %(milliseconds)d; '
               'SET LOCAL statement_timeout = %(milliseconds)d')


class _Session:
    """A session of SQLAlchemy's that checks the deadline first."""

    def __init__(self, session, deadline, label):
        self._session = session
        self._deadline = deadline
        self._label = label
        self._last = None
        self._connection = None
        dialect = session.get_bind().dialect
        mariadb = getattr(dialect, 'is_mariadb', False)
        keep = _MYSQL_KEEP + _MARIADB_KEEP * mariadb
        self._first, self._limit, self._end = {
            'mysql': ('SET ' + keep + _MYSQL + _MARIADB * mariadb,
                      'SET ' + _MYSQL + _MARIADB * mariadb,
                      _MYSQL_END + _MARIADB_END * mariadb),
            'postgresql': (_POSTGRESQL, _POSTGRESQL, None),
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
                self._last is not None and left > self._last - _SLACK):
            return
        self._connection = self._session.connection()
        limit = self._first if self._last is None else self._limit
        self._last = left
        self._connection.exec_driver_sql(limit % {
            'seconds': max(1, math.ceil(left)),
            'milliseconds': max(1, math.ceil(left * 1000))})

    def restore(self):
        """Restore the limits that the connection had."""
        if self._last is None or self._end is None:
            return
        # Not through the session: after a failed flush it has no connection.
        try:
            self._connection.exec_driver_sql(self._end)
        except Exception:
            # The pool must not hand out the connection with these limits.
            self._connection.invalidate()
            raise


@contextlib.contextmanager
def within(session, deadline, label):
    """Give a session whose statements end at the deadline.

    :param deadline: a heat.common.migrate.deadline.Deadline; if it never
        comes, the given session is returned
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
