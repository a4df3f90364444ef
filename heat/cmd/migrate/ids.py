# SPDX-License-Identifier: Apache-2.0

"""The ids of stacks, from the command line or from standard input."""

import sys
import uuid

from heat.cmd.migrate import errors


def read(words):
    """List the ids that the arguments give, each once.

    :param words: the arguments; ``-`` stands for standard input, with an id as
        the first word of each line
    :raises CommandError: when one is not the id of a stack
    """
    return list(dict.fromkeys(map(_normalized, _all(words))))


def _all(words):
    for word in words:
        if word == '-':
            yield from (line.split()[0] for line in _lines() if line.strip())
        else:
            yield word


def _lines():
    try:
        return sys.stdin.readlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise errors.CommandError('Standard input cannot be read: %s.'
                                  % errors.one_line(exc))


def _normalized(stack_id):
    try:
        return str(uuid.UUID(stack_id))
    except ValueError:
        raise errors.CommandError(
            '%s is not the id of a stack: an id looks like %s ("openstack '
            'stack list" shows it beside the name).'
            % (stack_id, '6fe7ad0a-7a5b-44a8-b67a-a4d3d6a0a001'))
