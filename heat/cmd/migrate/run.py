# SPDX-License-Identifier: Apache-2.0

"""Handle many stacks at a given pace, until the end or a signal."""

import contextlib
import heapq
import os
import signal
import time

from heat.cmd.migrate import retry as retries
from heat.common.migrate import text as migrate_text
from heat.db.migrate import counts as migrate_counts

#: Stacks read from the database at a time. Each page makes the database go
#: through all stacks; one takes 20 MB here.
PAGE = 50000

#: Stacks after which engines may have come that were not there before.
ASK_EVERY = 1000

# Seconds until a stop or the end of a pause is seen at the latest.
_TICK = 0.25


class Stop:
    """Whether to begin no more stacks; SIGINT and SIGTERM set this.

    The second signal ends the process at once.

    :ivar in_hand: called for how many stacks are in hand, to tell that
    """

    def __init__(self):
        self.requested = False
        self.in_hand = None
        self._pid = os.getpid()

    def _request(self, number, _frame):
        self.requested = True
        signal.signal(number, signal.SIG_DFL)
        # A worker that has just been forked has nothing to tell.
        if self.in_hand is not None and os.getpid() == self._pid:
            # Not print: this may come in the middle of one.
            with contextlib.suppress(OSError):
                os.write(2, ('\nFinishing %s in hand; again to stop at '
                             'once.\n' % migrate_text.count(
                                 self.in_hand(), 'stack')).encode())

    @contextlib.contextmanager
    def on_signals(self):
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._request)
                  for number in numbers}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Pace:
    """When the next stack may begin.

    :param max_rate: stacks a second at most
    :param pause_file: while a file has this path no stack begins
    """

    def __init__(self, max_rate=None, pause_file=None):
        self._interval = 1 / max_rate if max_rate else 0
        self._pause_file = pause_file
        self._next = 0

    @property
    def paused(self):
        return self._pause_file is not None and os.path.exists(
            self._pause_file)

    def delay(self):
        """Seconds until the next stack may begin, 0 for now."""
        if self.paused:
            return _TICK
        return max(0, self._next - time.monotonic())

    def begun(self):
        """Record that a stack has begun."""
        self._next = time.monotonic() + self._interval


def all_stacks(context, convergence=False, project=None, event=None,
               page=PAGE, before_next=None):
    """Yield the root stacks to handle, oldest first, read page by page.

    Each stack is yielded only once, also if it stays unchanged.

    :param convergence: stacks to revert, and not to convert
    :param event: as in heat.db.migrate.counts.count_roots
    :param before_next: called after each ASK_EVERY stacks, before the next
    """
    selection = (convergence, project, event)
    mixed = migrate_counts.get_mixed_roots(context, *selection)
    known = frozenset(stack.id for stack in mixed)
    # A mixed tree whose root another process changes meanwhile is in both.
    others = (stack for stack in _pages(context, page, selection)
              if stack.id not in known)
    stacks = heapq.merge(others, mixed, key=migrate_counts.age)
    for number, stack in enumerate(stacks):
        if before_next and number and number % ASK_EVERY == 0:
            before_next()
        yield stack


def _pages(context, size, selection):
    after = None
    while True:
        stacks = migrate_counts.get_page(context, size, after, *selection)
        yield from stacks
        if len(stacks) < size:
            return
        after = stacks[-1]


def named_stacks(context, stack_ids):
    """Yield a RootStack for each id, which need not be that of a stack."""
    known = migrate_counts.get_named(context, stack_ids)
    for stack_id in stack_ids:
        yield known.get(stack_id) or migrate_counts.RootStack(
            stack_id, None, None, None)


class Run:
    """One run of a command over its stacks.

    :param stacks: the RootStacks, an iterator that may read as it goes
    :param workers: see heat.cmd.migrate.workers
    :param report: called with each Outcome
    :param idle: called now and then, with whether the run is paused
    :param limit: how many stacks to change at most; those that have to be
        left as they are do not count, or they would be all that a run of the
        oldest ones ever meets
    :param retry: for how many seconds a busy stack is tried again
    """

    def __init__(self, stacks, workers, report, idle, pace, stop, limit=None,
                 retry=0):
        self._stacks = iter(stacks)
        self._workers = workers
        self._report = report
        self._idle = idle
        self._pace = pace
        self._stop = stop
        self._left = limit
        self._retry = retries.Retry(retry)
        self.complete = False
        stop.in_hand = lambda: workers.in_hand

    def go(self):
        """Handle the stacks.

        Afterwards ``complete`` tells whether there are no more stacks: not
        if a signal or the limit came first.
        """
        try:
            while True:
                delay = self._begin_some()
                self._idle(self._pace.paused)
                if self._workers.in_hand:
                    self._collect(min(delay or _TICK, _TICK))
                elif delay is None:
                    return
                else:
                    time.sleep(min(delay, _TICK))
        finally:
            self._finish()

    def _finish(self):
        """Finish the current stacks, also after an error."""
        try:
            while self._workers.in_hand:
                self._collect(_TICK)
        finally:
            self._workers.close()
            for outcome in self._retry.give_up():
                self.complete = False
                self._report(outcome)

    def _begin_some(self):
        """Begin as many stacks as may begin now.

        :returns: seconds until the next may, None when there is no next
        """
        while not (self.complete or self._stop.requested):
            if self._left == 0:
                self.complete = not self._retry.waiting and (
                    next(self._stacks, None) is None)
                return None
            if self._workers.in_hand >= self._room():
                return _TICK
            delay = self._pace.delay()
            if delay:
                return delay
            stack = self._retry.due() or next(self._stacks, None)
            if stack is not None:
                self._workers.begin(stack)
                self._pace.begun()
            elif self._retry.waiting:
                return _TICK
            else:
                self.complete = True
        return None

    def _room(self):
        if self._left is None:
            return self._workers.size
        return min(self._workers.size, self._left)

    def _collect(self, timeout):
        for outcome in self._workers.finished(timeout):
            if not self._stop.requested and self._retry.keep(outcome):
                self.complete = False
                continue
            if self._left is not None and outcome.changed:
                self._left -= 1
            self._report(outcome)
