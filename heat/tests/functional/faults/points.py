# SPDX-License-Identifier: Apache-2.0

"""The moments of a run at which a process is killed, or a fault injected.

A moment is just before or just after a statement or a commit, whichever way
SQLAlchemy takes to the driver.
"""

import contextlib
import os
import signal
import threading

from sqlalchemy import engine as sqlalchemy_engine
from sqlalchemy.engine import default
from sqlalchemy import event

from heat.engine.migrate import timed_planning

#: The words for a moment begin with these.
BEFORE, AFTER = 'before', 'after'

COMMIT = 'COMMIT'

_DO_EXECUTE = ('do_execute', 'do_execute_no_params', 'do_executemany')


def kill(_connection):
    """Kill this process, as in a crash."""
    os.kill(os.getpid(), signal.SIGKILL)


class Switch:
    """Numbers the moments of a run, and runs an action at one of them.

    :param at: the number of that moment, None to count only
    :param action: called with the DBAPI connection; an exception of it counts
        as one of the driver
    :param always: run it again at each moment with the same words
    :ivar moments: the words for each moment so far, such as "before INSERT
        INTO stack_lock"
    """

    def __init__(self, at=None, action=None, always=False):
        self.moments = []
        self._at = at
        self._action = action
        self._always = always
        self._thread = None

    def install(self):
        """Watch all engines of this process; this cannot be undone."""
        for name in _DO_EXECUTE:
            event.listen(sqlalchemy_engine.Engine, name, self._do_execute)
        event.listen(sqlalchemy_engine.Engine, 'after_cursor_execute',
                     self._executed)
        # SQLAlchemy has no event after a commit.
        do_commit = default.DefaultDialect.do_commit

        def watched(dialect, connection):
            self._pass(BEFORE, COMMIT, connection)
            do_commit(dialect, connection)
            self._pass(AFTER, COMMIT, connection)

        default.DefaultDialect.do_commit = watched

    @contextlib.contextmanager
    def armed(self):
        """Count the moments of the current thread within the context."""
        self._thread = threading.get_ident()
        try:
            yield self
        finally:
            self._thread = None

    def _do_execute(self, cursor, statement, *_args):
        self._pass(BEFORE, words(statement), cursor.connection)

    def _executed(self, _connection, cursor, statement, *_args):
        self._pass(AFTER, words(statement), cursor.connection)

    def _pass(self, when, what, connection):
        if self._thread is None or not (
                threading.get_ident() == self._thread or
                threading.current_thread().name == timed_planning.THREAD):
            return
        moment = '%s %s' % (when, what)
        self.moments.append(moment)
        if self._at is not None and (
                len(self.moments) == self._at + 1 or
                self._always and len(self.moments) > self._at and
                moment == self.moments[self._at]):
            self._action(connection)


def words(statement):
    """The words for a statement: its verb and its first table."""
    parts = statement.replace('`', '').split()
    for verb in ('FROM', 'INTO', 'UPDATE'):
        if verb in parts[:-1]:
            return '%s %s' % (parts[0], parts[parts.index(verb) + 1])
    return ' '.join(parts[:3])
