# SPDX-License-Identifier: Apache-2.0

"""Ask the Python that Heat runs in about its Heat."""

import json
import os
import shlex
import subprocess
import sys

import heat_overlay
from heat_overlay import probe


class OverlayError(Exception):
    """heat-overlay cannot do what was requested; the text says why."""


def python_path():
    """Return the entries of PYTHONPATH as real paths."""
    found = os.environ.get('PYTHONPATH', '')
    return [os.path.realpath(entry) for entry in found.split(os.pathsep)
            if entry]


def with_overlay():
    """Return the process environment with the overlay put in front."""
    path = [heat_overlay.tree()] + python_path()
    return dict(os.environ, PYTHONPATH=os.pathsep.join(path))


def without_overlay():
    """Return the process environment with no overlay in PYTHONPATH."""
    path = [entry for entry in python_path() if not os.path.isfile(
        os.path.join(entry, 'heat', 'overlay.py'))]
    return dict(os.environ, PYTHONPATH=os.pathsep.join(path))


def ask(python=None, env=None):
    """Start a Python and return the dict of ``probe.report`` there.

    :param python: argument list that starts the interpreter, with its options;
        default: this one.
    :param env: its environment; default: that of this process.
    :raises OverlayError: when it cannot be started or does not answer.
    """
    argv = (python or [sys.executable]) + [os.path.realpath(probe.__file__)]
    try:
        done = subprocess.run(argv, env=env, capture_output=True, text=True)
    except OSError as exc:
        raise OverlayError('Cannot start the Python that Heat runs in: %s'
                           % exc) from exc
    try:
        # Other output of start-up files comes first.
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError) as exc:
        raise OverlayError('%s does not work as a Python: %s' % (
            shlex.join(argv[:-1]), done.stderr.strip() or exc)) from exc


def require_usable(python=None):
    """Make sure that the overlay can be active in a Python.

    :returns: the dict of the probe with the overlay in front.
    :raises OverlayError: when the overlay would refuse its Heat.
    """
    answer = ask(python, with_overlay())
    if not answer['active']:
        raise OverlayError(
            answer['refusal'] or '%s ignores PYTHONPATH: use "heat-overlay '
            'enable" instead.' % shlex.join(python or [sys.executable]))
    return answer


def python_of(command):
    """Return the argument list of the Python that a script names, or None.

    :param command: path of an executable file.
    :raises OverlayError: when this user cannot read it.
    """
    try:
        with open(command, 'rb') as script:
            first = script.readline(4096)
    except OSError as exc:
        raise OverlayError('Cannot read %s: %s.' % (
            command, exc.strerror)) from exc
    if not first.startswith(b'#!'):
        return None
    argv = os.fsdecode(first[2:].strip()).split()
    names = [os.path.basename(word) for word in argv]
    return argv if any(n.startswith('python') for n in names) else None
