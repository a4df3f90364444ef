# SPDX-License-Identifier: Apache-2.0

"""The deadline of a conversion, which its context carries."""

import time

from heat.common.migrate import exception as migrate_exception


class Deadline:
    """A point in time, by the monotonic clock.

    :param seconds: from now on; with None the deadline never comes
    """

    def __init__(self, seconds=None):
        self.seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    @property
    def left(self):
        """Seconds until then, 0 when it has passed, None if it never does."""
        if self._end is None:
            return None
        return max(0, self._end - time.monotonic())

    @property
    def passed(self):
        return self.left == 0

    def error(self, label):
        """The exception for a stack that has run out of time."""
        return migrate_exception.OutOfTime(stack=label, seconds=self.seconds)

    def check(self, label):
        """Go on only while there is time.

        :param label: the stack in words
        :raises OutOfTime: when the deadline has passed
        """
        if self.passed:
            raise self.error(label)


NEVER = Deadline()


def of(context):
    """The deadline of a context; for most contexts it never comes."""
    return getattr(context, 'migrate_deadline', NEVER)
