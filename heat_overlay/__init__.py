# SPDX-License-Identifier: Apache-2.0

"""The heat-overlay command: starts Heat with the overlay in front of it.

It uses only the standard library. No module here imports Heat except
``probe``, which runs in the Python that Heat runs in.
"""

import os
import signal
import sys


def _end(_number, _frame):
    os.write(2, b'heat-overlay: stopped. See "heat-overlay status".\n')
    os._exit(2)


# Ctrl-C is no error while a command asks the Python that Heat runs in. What
# the command then starts handles it by itself.
_HANDLERS = {'heat-overlay': _end, 'heat-sandbox': signal.SIG_DFL}

_COMMAND = os.path.basename(''.join(sys.argv[:1]))

# A shell starts a command with "&" so that it ignores Ctrl-C.
if (_COMMAND in _HANDLERS and
        signal.getsignal(signal.SIGINT) is signal.default_int_handler):
    signal.signal(signal.SIGINT, _HANDLERS[_COMMAND])


def tree():
    """Return the folder that holds the overlay's ``heat`` package.

    In the wheel it is here, apart from Heat's own files. In a checkout it is
    the checkout itself.
    """
    here = os.path.dirname(os.path.realpath(__file__))
    carried = os.path.join(here, 'tree')
    return carried if os.path.isdir(carried) else os.path.dirname(here)
