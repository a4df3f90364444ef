# SPDX-License-Identifier: Apache-2.0

"""Measure pieces of work: commands to the database, processor time, time."""

import contextlib
import gc
import random
import resource
import time

import sqlalchemy

# The query for the server task that serves a connection.
_TASKS = {
    'mysql': 'SELECT tid FROM information_schema.processlist '
             'WHERE id = connection_id()',
    'postgresql': 'SELECT pg_backend_pid()'}


class Meter:
    """Measures pieces of work on one database.

    :param engine: the SQLAlchemy engine; it gets new connections
    :param commands: shared counter of a tools.bench.proxy.Proxy, or None
    """

    def __init__(self, engine, commands):
        self._commands = commands
        self._tasks = set()
        self._ask = _TASKS.get(engine.dialect.name)
        sqlalchemy.event.listen(engine, 'connect', self._connected)
        engine.dispose()

    def _connected(self, connection, _record):
        if self._ask:
            with contextlib.closing(connection.cursor()) as cursor:
                cursor.execute(self._ask)
                self._tasks.add(cursor.fetchone()[0])

    def _cpu(self):
        """Processor time of this process, its children and its server tasks.

        It varies little on a busy machine. The server tasks of children are
        not known, nor are those on another machine.
        """
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        total = time.process_time() + children.ru_utime + children.ru_stime
        for task in self._tasks:
            # A thread of a server has an entry there, too.
            with contextlib.suppress(OSError), open(
                    '/proc/%d/schedstat' % task) as stat:
                total += int(stat.read().split()[0]) / 1e9
        return total

    def _now(self):
        return (self._commands.value if self._commands else None,
                self._cpu() * 1000, time.perf_counter() * 1000)

    def measure(self, work):
        """Call a function; returns commands, CPU ms and ms."""
        gc.collect()
        before = self._now()
        work()
        return [now if now is None else now - then
                for now, then in zip(self._now(), before)]

    def in_turn(self, rounds, subjects, before, warm_up=1):
        """Measure subjects in turn; each round has them in another order.

        :param rounds: how often
        :param subjects: {name: a function, or what measures itself}
        :param before: a function to call before each of them
        :param warm_up: how many rounds before are not measured
        :returns: {name: {'commands', 'cpu_ms', 'ms'}}, each a list
        """
        # The same orders in each run.
        order = random.Random(0)
        names = list(subjects)
        found = {name: [] for name in names}
        for _ in range(warm_up + rounds):
            order.shuffle(names)
            for name in names:
                before()
                own = getattr(subjects[name], 'measure', None)
                found[name].append(own() if own else
                                   self.measure(subjects[name]))
        return {name: dict(zip(('commands', 'cpu_ms', 'ms'),
                               map(list, zip(*measured[warm_up:]))))
                for name, measured in found.items()}


class LockTimes:
    """Measures how long transactions hold stack locks.

    :ivar ms: of each transaction so far; one may remove them
    """

    def __init__(self, engine):
        self.ms = []
        self._begun = None
        sqlalchemy.event.listen(engine, 'before_cursor_execute',
                                self._executes)
        # After the COMMIT.
        sqlalchemy.event.listen(engine, 'checkin', self._returns)

    def _executes(self, _connection, _cursor, statement, *_):
        if statement.startswith('INSERT INTO stack_lock'):
            self._begun = time.perf_counter()

    def _returns(self, *_):
        if self._begun is not None:
            self.ms.append((time.perf_counter() - self._begun) * 1000)
            self._begun = None
