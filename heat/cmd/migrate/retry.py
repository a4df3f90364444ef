# SPDX-License-Identifier: Apache-2.0

"""Try busy stacks again for a while."""

import collections
import time

from heat.cmd.migrate import summary
from heat.db.migrate import roots as migrate_roots

# Seconds between two tries of one stack, as a part of the whole time.
_PARTS, _SHORTEST, _LONGEST = 20, 1, 30


class Retry:
    """The stacks that were busy and are to be tried again.

    :param seconds: for how long a stack is tried again after its first try
    """

    def __init__(self, seconds=0):
        self._seconds = seconds
        self._pause = min(_LONGEST, max(_SHORTEST, seconds / _PARTS))
        self._ends = {}
        # In the order of their due times: the pause is always the same.
        self._waiting = collections.deque()

    @property
    def waiting(self):
        """How many stacks wait for their next try."""
        return len(self._waiting)

    def keep(self, outcome):
        """Keep a stack that was busy, if there is time to try it again.

        :returns: whether it is tried again; then this outcome is not final
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
        """The next stack that is due, as a RootStack, or None."""
        if not self._waiting or self._waiting[0][0] > time.monotonic():
            return None
        outcome = self._waiting.popleft()[1]
        return migrate_roots.RootStack(outcome.id, outcome.name,
                                       outcome.project, None)

    def give_up(self):
        """End the retries; returns the last outcomes of all waiting stacks."""
        outcomes = [outcome for _due, outcome in self._waiting]
        self._waiting.clear()
        return outcomes
