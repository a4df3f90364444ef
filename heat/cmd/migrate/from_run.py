# SPDX-License-Identifier: Apache-2.0

"""Read the stacks that a run converted, to revert that run."""

import json
import sys

from heat.cmd.migrate import errors
from heat.cmd.migrate import outcome
from heat.db.migrate import roots as migrate_roots


def converted_in(path):
    """List the stacks that a run of migrate-convergence-1 converted.

    Stacks that the run left unchanged or found converted are not listed.

    :param path: file with the output of ``--format json``; ``-`` stands for
        standard input
    :returns: a list of RootStack, each stack once
    :raises CommandError: when the file cannot be read or has another format
    """
    stacks = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            done = json.loads(line)
            stack = _stack(done)
            converted = done['outcome'] == outcome.CONVERTED
        except (ValueError, TypeError, KeyError, RecursionError):
            raise errors.CommandError(
                'Line %d of %s is no line of --format json: give what '
                'migrate-convergence-1 printed to standard output.'
                % (number, path))
        if converted:
            stacks[stack.id] = stack
    return list(stacks.values())


def _stack(done):
    found = migrate_roots.RootStack(done['id'], done['name'],
                                    done['project'], None)
    # For an id that is no stack, a run prints null in the other two fields.
    if not (isinstance(found.id, str) and all(
            isinstance(value, (str, type(None))) for value in found)):
        raise TypeError(done)
    return found


def _lines(path):
    try:
        if path == '-':
            return sys.stdin.readlines()
        with open(path, encoding='utf-8') as source:
            return source.readlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise errors.CommandError('Cannot read %s: %s.' % (
            path, getattr(exc, 'strerror', None) or errors.one_line(exc)))
