# SPDX-License-Identifier: Apache-2.0

"""Handle stacks in this process, or in processes forked from it.

Both have the same three methods. ``begin`` takes a stack, ``finished`` gives
the outcomes of those that are done, and ``close`` ends what runs.

Why fork: a process that has loaded Heat with its resource plug-ins takes 150
MB and some seconds to start, which forked workers share. It is safe because
this process has a single thread, and because it closes its connections to
the database before it forks.
"""

import contextlib
import multiprocessing
from multiprocessing import connection
import os
import signal
import time

from heat.cmd.migrate import acting
from heat.cmd.migrate import outcome
from heat.common import messaging
from heat.common.migrate import memory as migrate_memory
from heat.db import api as db_api
from heat.engine import resources

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# Up to this number of stacks, starting worker processes takes longer.
FEW = 8


def staff(action, size, total, notify=False):
    """Who handles the stacks: worker processes, or this one if they don't pay.

    :param size: how many processes, None for as many as are of use
    :param total: how many stacks there are
    """
    # Before they fork, so that the workers share what is loaded now.
    resources.initialise()
    if size is None and total <= FEW:
        return InProcess(action, notify)
    return Processes(
        action, min(size or os.cpu_count(), max(total, 1)), notify)


class InProcess:
    """Handle one stack at a time, in this process."""

    size = 1

    def __init__(self, action, notify=False):
        self._action = action
        self._stack = None
        if notify:
            messaging.setup(optional=True)

    @property
    def in_hand(self):
        return 0 if self._stack is None else 1

    def begin(self, stack):
        self._stack = stack

    def finished(self, timeout):
        """Handle the stack; how long that takes is not limited."""
        # In hand until it is done: a signal meanwhile tells how many are.
        done = [acting.act(self._action, self._stack)]
        self._stack = None
        return done

    def close(self):
        pass


class Processes:
    """Handle some stacks at a time, each in a worker process.

    If a worker dies, only its current stack fails, and another worker takes
    its place.
    """

    def __init__(self, action, size, notify=False):
        """Start the workers.

        :param size: how many processes
        :param notify: whether they are to send notifications
        """
        self.size = size
        self._action = action
        self._notify = notify
        self._busy = {}
        self._idle = []
        migrate_memory.settle()
        for _index in range(size):
            self._idle.append(self._start())

    @property
    def in_hand(self):
        return len(self._busy)

    def _start(self):
        # A connection to the database must never be used by two processes.
        db_api.get_engine().dispose()
        return _Worker(self._action, self._notify)

    def begin(self, stack):
        """Give a stack to an idle worker."""
        worker = self._idle.pop()
        worker.begin(stack)
        self._busy[worker.connection] = worker

    def finished(self, timeout):
        """Wait until a stack is done, for a number of seconds at most."""
        return [self._finish(self._busy.pop(ready))
                for ready in connection.wait(list(self._busy), timeout)]

    def _finish(self, worker):
        try:
            done = worker.connection.recv()
        except (EOFError, OSError):
            done = worker.died()
            worker = self._start()
        self._idle.append(worker)
        return done

    def close(self):
        """End the workers, once their current stacks are done."""
        for worker in self._idle + list(self._busy.values()):
            worker.close()
        self._idle, self._busy = [], {}


class _Worker:
    """A worker process, as the one that started it sees it."""

    def __init__(self, action, notify):
        fork = multiprocessing.get_context('fork')
        self.connection, theirs = fork.Pipe()
        self._process = fork.Process(
            target=_serve, args=(self.connection, theirs, action, notify),
            name='heat-manage-migrate', daemon=True)
        self._process.start()
        theirs.close()

    def begin(self, stack):
        self._stack = stack
        self._begun = time.monotonic()
        with contextlib.suppress(OSError):
            # That it has died meanwhile shows when its outcome is read.
            self.connection.send(stack)

    def died(self):
        self.close()
        return outcome.worker_died(self._stack, self._process.exitcode,
                                   time.monotonic() - self._begun)

    def close(self):
        with contextlib.suppress(OSError):
            self.connection.send(None)
        self._process.join()
        self.connection.close()


def _serve(parents, own, action, notify):
    """Handle stacks until there are no more, or the parent is gone."""
    # Otherwise the worker would keep the end open whose closing ends it.
    parents.close()
    # A terminal sends Ctrl-C to all of its processes, and systemd stops all
    # processes of a unit. Only the parent reacts to these signals.
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if notify:
        messaging.setup(optional=True)
    with contextlib.suppress(EOFError, OSError):
        while (stack := own.recv()) is not None:
            own.send(acting.act(action, stack))
    # Skip the exit handlers of the parent.
    os._exit(0)
