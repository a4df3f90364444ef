# SPDX-License-Identifier: Apache-2.0

"""Run commands as another user, in tests that root runs."""

import os
import shutil
import subprocess
import sys

NOBODY = 65534

#: The arguments of subprocess.run for this user.
ARGUMENTS = {'user': NOBODY, 'group': NOBODY, 'extra_groups': []}


def can_run(*command):
    """Whether this user can run a command with success."""
    if os.getuid():
        return False
    try:
        return subprocess.run(command, cwd=os.sep, capture_output=True,
                              **ARGUMENTS).returncode == 0
    except OSError:
        return False


def prefix(*command):
    """The prefix that makes this user run commands.

    :param command: one of them; if this user cannot run it, the result is ''
    """
    if not can_run(*command):
        return ''
    return 'setpriv --reuid %d --regid %d --clear-groups' % (NOBODY, NOBODY)


def python():
    """Find a Python that this user can run too, None if there is none.

    The one that runs the tests may lie in the home folder of its user.
    """
    for found in (sys.executable, shutil.which('python3', path=os.defpath)):
        if found and can_run(found, '-c', 'import venv, sys; '
                             'sys.exit(sys.version_info < (3, 9))'):
            return os.path.realpath(found)
    return None
