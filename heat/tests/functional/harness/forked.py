# SPDX-License-Identifier: Apache-2.0

"""heat-manage in processes that need not load Heat.

To load Heat takes most of the time of a short command. So a process that has
loaded it (forked_server.py) forks one for each command. Tests that start a
command, and those of deployments, run the installed ``heat-manage``.
"""

import functools
import json
import os
import socket
import subprocess
import sys
import tempfile

from heat.tests.functional.harness import owner
from heat.tests.functional.harness import processes

_SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       'forked_server.py')

# As a module it would import heat.tests, which chooses the threads of the
# process.
_RUN = 'import runpy, sys; runpy.run_path(sys.argv[1], run_name="__main__")'


class Server:
    """The process that has loaded Heat. It ends with this process."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory()
        self._path = os.path.join(self._folder.name, 'socket')
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._path)
            # From now on, a request waits until Heat is loaded.
            listener.listen()
            self._popen = subprocess.Popen(
                [sys.executable, '-c', _RUN, _SERVER,
                 str(listener.fileno())], env=processes.environment(),
                cwd=os.sep, pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                start_new_session=True)
        owner.reaper().began(self._popen.pid)

    def run(self, arguments, cwd, stdout, stderr, timeout):
        """Run heat-manage; returns its exit status.

        :param stdout: the number of the file for its output
        :param stderr: that of the file for its errors
        """
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(timeout)
            channel.connect(self._path)
            socket.send_fds(channel, [json.dumps([cwd, arguments]).encode()],
                            [stdout, stderr])
            return int(channel.recv(16))


@functools.lru_cache(maxsize=None)
def server():
    """The :class:`Server` of this process."""
    return Server()


def heat_manage(arguments, cwd, timeout, stdout=subprocess.PIPE):
    """Run a command to its end.

    :param stdout: where its output goes: a number of a file, or PIPE
    :returns: a subprocess.CompletedProcess with text output
    """
    with tempfile.TemporaryFile('w+') as out, tempfile.TemporaryFile(
            'w+') as err:
        returncode = server().run(
            arguments, cwd, out.fileno() if stdout == subprocess.PIPE
            else stdout, err.fileno(), timeout)
        for written in out, err:
            written.seek(0)
        return subprocess.CompletedProcess(
            ['heat-manage', *arguments], returncode, out.read(), err.read())
