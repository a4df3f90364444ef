# SPDX-License-Identifier: Apache-2.0

"""Read the stacks that a run converted, to revert that run."""

import json
import sys

from heat.cmd.migrate import errors
from heat.cmd.migrate import outcome
from heat.db.migrate import counts as migrate_counts


def converted_in(path):
    """List the stacks that a run of migrate-convergence-1 converted.

    Stacks that the run left unchanged or found converted are not listed.

    :param path: file with the output of ``--format json``; ``-`` stands for
        standard input
    :returns: a list of RootStack, each stack once
    :raises CommandError: when it cannot be read or holds anything else
    """
    stacks = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            done = json.loads(line)
            stack = migrate_counts.RootStack(done['id'], done['name'],
                                             done['project'], None)
            converted = done['outcome'] == outcome.CONVERTED
        except (ValueError, TypeError, KeyError):
            raise errors.CommandError(
                'Line %d of %s is no line of --format json: give what '
                'migrate-convergence-1 printed to standard output.'
                % (number, path))
        if converted:
            stacks[stack.id] = stack
    return list(stacks.values())


def _lines(path):
    try:
        if path == '-':
            return sys.stdin.readlines()
        with open(path, encoding='utf-8') as source:
            return source.readlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise errors.CommandError('Cannot read %s: %s.'
                                  % (path, errors.one_line(exc)))
