# SPDX-License-Identifier: Apache-2.0

"""Remove what a test has made when it ends, even if it is killed.

A small process beside each test process kills the processes that it has left.
The names of databases and virtual hosts have the machine and the process that
made them. The next run removes those of ended processes.
"""

import functools
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import uuid

_PREFIX = 'heat_test'

_NAME = re.compile(r'^%s_([0-9a-f]{8})_(\d+)_[0-9a-f]{8}$' % _PREFIX)

#: Reads a line for each process group that begins (+) or ends (-), until
#: nobody can write any more. It uses only the standard library.
_REAPER = """\
import os, signal, sys
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == '+' else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""


class Reaper:
    """Kills process groups once this process is gone, however it ends."""

    def __init__(self):
        # In a session of its own, so Ctrl-C in a terminal does not end it.
        self._popen = subprocess.Popen(
            [sys.executable, '-S', '-E', '-c', _REAPER],
            stdin=subprocess.PIPE, text=True, start_new_session=True,
            cwd=os.sep)

    def began(self, group):
        """Add a process group to kill."""
        self._report('+', group)

    def ended(self, group):
        """Forget a process group: another one may get its number."""
        self._report('-', group)

    def _report(self, sign, group):
        self._popen.stdin.write('%s%d\n' % (sign, group))
        self._popen.stdin.flush()


@functools.lru_cache(maxsize=None)
def reaper():
    """The :class:`Reaper` of this process."""
    return Reaper()


def kill(group):
    """Kill a process group, if there still is one."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


@functools.lru_cache(maxsize=None)
def _machine():
    """Name this machine or container, to which process ids belong."""
    namespace = os.stat('/proc/self/ns/pid').st_ino
    return hashlib.sha256(('%s %d' % (
        socket.gethostname(), namespace)).encode()).hexdigest()[:8]


def _process():
    return os.getpid()


def new_name():
    """Make a name for a database or a virtual host of this process."""
    return '%s_%s_%d_%s' % (_PREFIX, _machine(), _process(),
                            uuid.uuid4().hex[:8])


def is_left_over(name):
    """Whether a process of this machine made it and has ended."""
    match = _NAME.match(name)
    return bool(match) and match.group(1) == _machine() and (
        not os.path.exists('/proc/' + match.group(2)))
