# SPDX-License-Identifier: Apache-2.0

"""Try busy stacks again for a while."""

import collections
import time

from heat.cmd.migrate import summary
from heat.db.migrate import counts as migrate_counts

# Seconds between two tries of one stack: a part of the time there is.
_PARTS, _SHORTEST, _LONGEST = 20, 1, 30


class Retry:
    """The stacks that were busy and are to be tried again.

    :param seconds: for how long a stack is tried again after its first try
    """

    def __init__(self, seconds=0):
        self._seconds = seconds
        self._pause = min(_LONGEST, max(_SHORTEST, seconds / _PARTS))
        self._ends = {}
        # In the order in which they are due: the pause is always the same.
        self._waiting = collections.deque()

    @property
    def waiting(self):
        """How many stacks wait for their next try."""
        return len(self._waiting)

    def keep(self, outcome):
        """Take note of a stack that was busy, if there is time to try again.

        :returns: whether it is tried again, so that this outcome is not yet
            what became of it
        """
        if outcome.code not in summary.PASSING:
            return False
        due = time.monotonic() + self._pause
        if due > self._ends.setdefault(
                outcome.id, time.monotonic() + self._seconds):
            return False
        self._waiting.append((due, outcome))
        return True

    def due(self):
        """The next stack whose time has come, as a RootStack, or None."""
        if not self._waiting or self._waiting[0][0] > time.monotonic():
            return None
        outcome = self._waiting.popleft()[1]
        return migrate_counts.RootStack(outcome.id, outcome.name,
                                        outcome.project, None)

    def give_up(self):
        """The last outcomes of all that still wait; none waits afterwards."""
        outcomes = [outcome for _due, outcome in self._waiting]
        self._waiting.clear()
        return outcomes
