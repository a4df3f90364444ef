# SPDX-License-Identifier: Apache-2.0

"""Planning that hangs until its deadline, on a machine of any speed."""

import threading
import time
from unittest import mock

import fixtures

from heat.engine.migrate import timed_planning

_PATIENCE = 60  # seconds to wait for a thread


class HangingPlanning(fixtures.Fixture):
    """The thread that plans hangs where the test calls :meth:`hang`.

    The tests of a process share one connection to SQLite. So the request waits
    until the thread hangs, and the deadline passes only then. At the end of
    the test the thread has ended.
    """

    #: Seconds from the moment when it hangs to the deadline.
    left = 0.1

    def _setUp(self):
        self._hangs, self._released = threading.Event(), threading.Event()
        self._call = timed_planning.call
        self.useFixture(fixtures.MockPatchObject(
            timed_planning, 'call', self._remember_deadline))
        self.useFixture(fixtures.MockPatchObject(
            timed_planning, 'threading',
            mock.Mock(wraps=threading, Event=self._done)))
        self.addCleanup(self.release)

    def _remember_deadline(self, context, *args):
        self._deadline = context.migrate_deadline
        return self._call(context, *args)

    def _done(self):
        """The event that a request waits for."""
        done = threading.Event()
        wait = done.wait

        def wait_until_it_hangs(_seconds):
            while not (self._hangs.is_set() or done.is_set()):
                time.sleep(0.01)
            if self._hangs.is_set():
                self._deadline._end = time.monotonic() + self.left
            return wait(self._deadline.left)

        done.wait = wait_until_it_hangs
        return done

    def hang(self):
        """Hang, if this thread plans."""
        if threading.current_thread().name == timed_planning.THREAD:
            self._hangs.set()
            self._released.wait(_PATIENCE)

    def release(self):
        """Let the thread continue, and wait for its end."""
        self._released.set()
        for thread in threading.enumerate():
            if thread.name == timed_planning.THREAD:
                thread.join(_PATIENCE)
