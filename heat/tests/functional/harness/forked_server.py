# SPDX-License-Identifier: Apache-2.0

"""Load Heat once, and fork a process for each heat-manage; see forked.py.

This process has no configuration, no connection and no thread.
"""

import contextlib
import gc
import json
import os
import pkgutil
import socket
import sys


def _load():
    """Import all that a command may need; returns what runs one."""
    from heat.cmd import manage
    from heat.cmd.migrate import commands  # noqa: F401
    from heat.engine import clients
    from heat.engine import resources
    for package in (clients, resources):
        for module in pkgutil.walk_packages(package.__path__,
                                            package.__name__ + '.'):
            # Where a client is not installed, the command says so.
            with contextlib.suppress(Exception):
                __import__(module.name)
    gc.collect()
    # So the collector of a child does not copy the shared memory.
    gc.freeze()
    return manage.main


def _serve(listener):
    """Handle requests; returns only in the processes that run a command."""
    channel, _address = listener.accept()
    while os.fork():
        channel.close()
        channel, _address = listener.accept()
        # Forget those that have ended.
        while _any_ended():
            pass
    listener.close()
    request, streams, _flags, _address = socket.recv_fds(channel, 1 << 20, 2)
    child = os.fork()
    if child:
        _pid, status = os.waitpid(child, 0)
        channel.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    channel.close()
    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
        os.close(stream)
    cwd, arguments = json.loads(request)
    os.chdir(cwd)
    sys.argv = ['heat-manage', *arguments]


def _any_ended():
    try:
        return os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        return False


if __name__ == '__main__':
    main = _load()
    requests = socket.socket(fileno=int(sys.argv[2]))
    # Where it is made with eventlet, it does not block.
    requests.setblocking(True)
    _serve(requests)
    main()
