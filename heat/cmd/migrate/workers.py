# SPDX-License-Identifier: Apache-2.0

"""Handle stacks in this process, or in processes forked from it.

Both classes have the same methods and properties. ``begin`` takes a list of at
most ``batch`` stacks, while ``idle`` is not 0. ``finished`` returns what is
done, as :class:`Done`. ``close`` ends the workers.

Why fork: loading Heat with its resource plug-ins takes 150 MB and some
seconds. Forked workers share both. It is safe because this process has a
single thread, and closes its connections to the database before it forks.
"""

import contextlib
import multiprocessing
from multiprocessing import connection
import os
import signal
import time
import typing

from oslo_utils import timeutils

from heat.cmd.migrate import acting
from heat.cmd.migrate import lazy_plugins
from heat.cmd.migrate import outcome
from heat.cmd.migrate import run
from heat.common import messaging
from heat.common.migrate import memory as migrate_memory
from heat.db import api as db_api
from heat.engine import resources

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

#: The most stacks that a worker takes at a time.
BATCH = 50

#: Seconds that a worker may take for a stack, or for a batch.
STACK_TIMEOUT = 300


class Done(typing.NamedTuple):
    """What workers return: outcomes, and stacks to handle one by one."""

    outcomes: list
    left: tuple = ()


def staff(action, size, total, notify=False, timeout=None):
    """Start worker processes; for few stacks, use this process.

    :param size: how many processes, None for one for each processor
    :param total: how many stacks there are
    :param timeout: seconds that a worker process may take for a stack; this
        process has no limit, so it handles none if one is given
    """
    if size is None and timeout is None and total <= run.FEW:
        # Few stacks need few plug-ins.
        lazy_plugins.initialise()
        return InProcess(action, notify)
    # Before the fork, so that the workers share the plug-ins.
    resources.initialise()
    size = min(size or os.cpu_count(), max(total, 1))
    # Small enough for each worker to get some, also in a short run.
    batch = min(BATCH, max(1, total // (2 * size))) if action.together else 1
    return Processes(action, size, notify, batch, timeout or STACK_TIMEOUT)


class InProcess:
    """Handle one stack at a time, in this process."""

    size = batch = 1

    def __init__(self, action, notify=False):
        self._action = action
        self._stacks = []
        if notify:
            messaging.setup(optional=True)

    @property
    def in_hand(self):
        return len(self._stacks)

    @property
    def idle(self):
        return 0 if self._stacks else 1

    def begin(self, stacks):
        self._stacks = stacks

    def finished(self, timeout):
        """Handle the stacks, without a time limit."""
        # They stay in hand until they are done: a signal prints their number.
        done = Done(*acting.act_on(self._action, self._stacks))
        self._stacks = []
        return done

    def close(self):
        pass


class Processes:
    """Handle several stacks at a time, in worker processes.

    A worker that dies, or is ended because it takes too long, is replaced. If
    it had one stack, that stack has failed. The stacks of a batch are then
    handled one by one, to find the cause.
    """

    def __init__(self, action, size, notify=False, batch=1,
                 timeout=STACK_TIMEOUT):
        """Start the workers.

        :param size: how many processes
        :param notify: whether they are to send notifications
        :param batch: how many stacks each takes at a time, at most
        :param timeout: seconds that it may take for them
        """
        self.size = size
        self.batch = batch
        self._action = action
        self._notify = notify
        self._timeout = timeout
        self._busy = {}
        self._idle = []
        self._begun = timeutils.utcnow()
        migrate_memory.freeze()
        for _index in range(size):
            self._idle.append(self._start())

    @property
    def in_hand(self):
        return sum(len(worker.stacks) for worker in self._busy.values())

    @property
    def idle(self):
        return len(self._idle)

    def _start(self):
        # A connection to the database must never be used by two processes.
        db_api.get_engine().dispose()
        return _Worker(self._action, self._notify)

    def begin(self, stacks):
        """Give stacks to an idle worker."""
        worker = self._idle.pop()
        worker.begin(stacks)
        self._busy[worker.connection] = worker

    def finished(self, timeout):
        """Wait until stacks are done, for a number of seconds at most."""
        ready = connection.wait(list(self._busy), timeout)
        done = [self._finish(self._busy.pop(end)) for end in ready]
        done += [self._end(self._busy.pop(worker.connection))
                 for worker in list(self._busy.values())
                 if worker.is_late(self._timeout)]
        return Done([outcome for part in done for outcome in part.outcomes],
                    [stack for part in done for stack in part.left])

    def _finish(self, worker):
        try:
            done = Done(*worker.connection.recv())
        except (EOFError, OSError):
            worker.end()
            return self._replace(
                worker, lambda stack, certain: outcome.worker_died(
                    stack, worker.exitcode, worker.seconds, certain))
        self._idle.append(worker)
        return done

    def _end(self, worker):
        """End a worker that takes too long."""
        worker.end()
        return self._replace(
            worker, lambda stack, certain: outcome.timed_out(
                stack, self._timeout, worker.seconds, certain))

    def _replace(self, worker, failure):
        """Replace a worker that is gone; returns what becomes of its stacks.

        The worker may have committed them before it could report.
        """
        done, left, certain = acting.find_written(
            self._action, worker.stacks, worker.begun, worker.seconds)
        if len(worker.stacks) == 1:
            done += [failure(stack, certain) for stack in left]
            left = []
        self._idle.append(self._start())
        return Done(done, left)

    def look_again(self, stacks):
        """Find which stacks were written after all.

        :param stacks: left by batches, and not handled one by one since
        :returns: the outcomes of those that have changed or may have
        """
        done, left, certain = acting.find_written(
            self._action, stacks, self._begun, 0)
        return done if certain else done + [
            outcome.unknown(stack) for stack in left]

    def close(self):
        """End the workers, once their current stacks are done or are late."""
        for worker in self._idle:
            worker.close(self._timeout)
        for worker in self._busy.values():
            worker.close(self._timeout - worker.seconds)
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

    def begin(self, stacks):
        self.stacks = stacks
        self.begun = timeutils.utcnow()
        self._begun = time.monotonic()
        with contextlib.suppress(OSError):
            # A dead worker is found when its outcomes are read.
            self.connection.send(stacks)

    @property
    def seconds(self):
        """Seconds since it got its stacks."""
        return time.monotonic() - self._begun

    def is_late(self, limit):
        """Whether it has not answered for this number of seconds."""
        return self.seconds > limit and not self.connection.poll()

    @property
    def exitcode(self):
        return self._process.exitcode

    def end(self):
        """Kill it, also while it works."""
        self._process.kill()
        self._process.join()
        self.connection.close()

    def close(self, timeout):
        """Let it end by itself within some seconds."""
        with contextlib.suppress(OSError):
            self.connection.send(None)
        self._process.join(max(0, timeout))
        self.end()


def _serve(parents, own, action, notify):
    """Handle stacks until there are no more, or the parent is gone."""
    # The worker ends when this end is closed, so it must not keep it open.
    parents.close()
    # A terminal sends Ctrl-C to all of its processes, and systemd stops all
    # processes of a unit. Only the parent reacts to these signals.
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if notify:
        messaging.setup(optional=True)
    with contextlib.suppress(EOFError, OSError):
        while (stacks := own.recv()) is not None:
            own.send(acting.act_on(action, stacks))
    # Skip the exit handlers of the parent.
    os._exit(0)
