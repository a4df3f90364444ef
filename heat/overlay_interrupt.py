# SPDX-License-Identifier: Apache-2.0

"""Make Ctrl-C while heat-manage starts one line, and no traceback.

Heat takes some seconds to load. So this is the first module that the overlay
loads.
"""

import os
import signal
import sys


def _end(_number, _frame):
    """End at once: nothing has begun, and a traceback would not help."""
    os.write(2, b'Stopped before it began: nothing was changed.\n')
    os._exit(1)


def command():
    """The name of the command that runs."""
    # A program that embeds Python may give no arguments.
    return os.path.basename(''.join(sys.argv[:1]))


def begin():
    """Catch Ctrl-C in heat-manage, until :func:`over`."""
    if (command() == 'heat-manage' and
            # A shell starts a command with "&" so that it ignores Ctrl-C.
            signal.getsignal(signal.SIGINT) is signal.default_int_handler):
        signal.signal(signal.SIGINT, _end)


def over():
    """Let the command that begins now handle Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)
