# SPDX-License-Identifier: Apache-2.0

"""Handle many stacks at a given pace, until the end or a signal."""

import collections
import contextlib
import heapq
import itertools
import os
import signal
import time

from heat.cmd.migrate import outcome as outcomes
from heat.cmd.migrate import retry as retries
from heat.common.migrate import text as migrate_text
from heat.db.migrate import roots as migrate_roots

#: Stacks read from the database at a time. For each page the database goes
#: through all stacks. A page takes 20 MB of memory.
PAGE = 50000

#: After this number of stacks the engines are asked again: new ones may run.
ASK_EVERY = 1000

#: Up to this number of stacks, this process alone is faster than workers.
FEW = 8

# A stop or the end of a pause is seen within these seconds.
_TICK = 0.25


class Stop:
    """Whether to begin no more stacks; SIGINT and SIGTERM set this.

    The second signal ends the process at once.

    :ivar in_hand: a function that returns how many stacks are in hand, for the
        message
    """

    def __init__(self):
        self.requested = False
        self.in_hand = None
        self._pid = os.getpid()

    def _request(self, number, _frame):
        self.requested = True
        signal.signal(number, signal.SIG_DFL)
        # A worker that was just forked must print nothing.
        if self.in_hand is not None and os.getpid() == self._pid:
            # Not print(): the signal may interrupt one.
            with contextlib.suppress(OSError):
                os.write(2, ('\n%s; a second signal stops at once.\n' %
                             _finishing(self.in_hand())).encode())

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


def _finishing(count):
    if not count:
        return 'Stopping: there is nothing to finish'
    # Some stacks of a batch may be left.
    return 'Finishing %s%s' % (
        'at most ' * (count > 1), migrate_text.count(count, 'stack'))


class Pace:
    """When the next stack may begin.

    :param max_rate: stacks a second at most
    :param pause_file: no stack begins while a file has this path
    """

    def __init__(self, max_rate=None, pause_file=None):
        self._interval = 1 / max_rate if max_rate else 0
        self._pause_file = pause_file
        self._next = 0

    @property
    def paused(self):
        return self._pause_file is not None and os.path.exists(
            self._pause_file)

    def together(self, most):
        """How many stacks may begin at a time, so that they begin steadily.

        :param most: how many could
        """
        if not self._interval:
            return most
        return max(1, min(most, int(_TICK / self._interval)))

    def delay(self):
        """Seconds until the next stack may begin, 0 for now."""
        if self.paused:
            return _TICK
        return max(0, self._next - time.monotonic())

    def begun(self, count=1):
        """Record that some stacks have begun."""
        self._next = time.monotonic() + count * self._interval


def all_stacks(context, convergence=False, project=None, event=None,
               page=PAGE, before_next=None):
    """Yield the root stacks to handle, oldest first, read page by page.

    Each stack is yielded only once, also if it stays unchanged.

    :param convergence: stacks to revert, and not to convert
    :param event: as in heat.db.migrate.roots.count_roots
    :param before_next: called after each ASK_EVERY stacks, before the next
    """
    selection = (convergence, project, event)
    mixed = migrate_roots.get_mixed_roots(context, *selection)
    known = frozenset(stack.id for stack in mixed)
    # A mixed tree whose root another process changes meanwhile is in both.
    others = (stack for stack in _pages(context, page, selection)
              if stack.id not in known)
    stacks = heapq.merge(others, mixed, key=migrate_roots.age)
    for number, stack in enumerate(stacks):
        if before_next and number and number % ASK_EVERY == 0:
            before_next()
        yield stack


def _pages(context, size, selection):
    after = None
    while True:
        stacks = migrate_roots.get_page(context, size, after, *selection)
        yield from stacks
        if len(stacks) < size:
            return
        after = stacks[-1]


def named_stacks(context, stack_ids):
    """Yield a RootStack for each id, also if no stack has the id."""
    known = migrate_roots.get_named(context, stack_ids)
    for stack_id in stack_ids:
        yield known.get(stack_id) or migrate_roots.RootStack(
            stack_id, None, None, None)


class Run:
    """One run of a command over its stacks.

    :param stacks: the RootStacks, an iterator that may read as it goes
    :param workers: see heat.cmd.migrate.workers
    :param report: called with each Outcome
    :param show: shows the progress; called with whether the run is paused
    :param limit: how many stacks to change at most. Unchanged stacks do not
        count: a run begins with the oldest stacks, and might otherwise never
        get past those that it cannot convert.
    :param retry: for how many seconds a busy stack is tried again
    :param counted: the outcomes that count for the limit
    """

    def __init__(self, stacks, workers, report, show, pace, stop, limit=None,
                 retry=0, counted=outcomes.CHANGED):
        self._stacks = iter(stacks)
        self._workers = workers
        self._report = report
        self._show = show
        self._pace = pace
        self._stop = stop
        self._left = limit
        self._counted = counted
        self._retry = retries.Retry(retry)
        # Stacks that a batch left to be handled one by one.
        self._alone = collections.deque()
        self.complete = False
        stop.in_hand = lambda: workers.in_hand

    def go(self):
        """Handle the stacks.

        Afterwards ``complete`` is true if no stack is left. It is false if a
        signal or the limit ended the run.
        """
        try:
            while True:
                delay = self._begin_some()
                self._show(self._pace.paused)
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
            if self._alone:
                # A worker may have ended before it reported their batch.
                for outcome in self._workers.look_again(list(self._alone)):
                    self._report(outcome)

    def _begin_some(self):
        """Begin as many stacks as may begin now.

        :returns: seconds until the next may, None when there is no next
        """
        while not (self.complete or self._stop.requested):
            if self._left == 0:
                self.complete = not (self._retry.waiting or self._alone) and (
                    next(self._stacks, None) is None)
                return None
            room = self._room()
            if not room:
                return _TICK
            delay = self._pace.delay()
            if delay:
                return delay
            stacks = self._next(room)
            if stacks:
                self._workers.begin(stacks)
                self._pace.begun(len(stacks))
            elif self._retry.waiting or self._workers.in_hand:
                # A batch in hand may leave stacks to be handled one by one.
                return _TICK
            else:
                self.complete = True
        return None

    def _room(self):
        """How many stacks may begin now, by the workers and the limit."""
        if not self._workers.idle:
            return 0
        room = self._pace.together(self._workers.batch)
        if self._left is None:
            return room
        return max(0, min(room, self._left - self._workers.in_hand))

    def _next(self, room):
        """The next stacks; those that were tried before come one by one."""
        if self._alone:
            return [self._alone.popleft()]
        due = self._retry.due()
        return [due] if due else list(itertools.islice(self._stacks, room))

    def _collect(self, timeout):
        done = self._workers.finished(timeout)
        self._alone.extend(done.left)
        for outcome in done.outcomes:
            if not self._stop.requested and self._retry.keep(outcome):
                self.complete = False
                continue
            if self._left is not None and outcome.outcome in self._counted:
                self._left -= 1
            self._report(outcome)
