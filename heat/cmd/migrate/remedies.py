# SPDX-License-Identifier: Apache-2.0

"""Take what a refusal says apart: what is wrong, and what to do about it.

A report tells the remedy once for all of the stacks that it helps.
"""

import re

from heat.common.migrate import exception as migrate_exception

# What stands between a fact and the remedy in a msg_fmt.
_AFTER_THE_FACT = re.compile(r'[:.] ')
_PLACEHOLDER = re.compile(r'%\(\w+\)s')


def split(code, message):
    """Take the message of a refusal apart.

    :param code: of the heat.common.migrate.exception class that it is from
    :returns: what is wrong with the stack, and the remedy; the remedy is
        empty where the message has none that is the same for every stack
    """
    ends = [end for end in _remedies(migrate_exception.MigrationRefused, code)
            if message.endswith(end)]
    if not ends:
        return message, ''
    end = max(ends, key=len)
    remedy = _AFTER_THE_FACT.split(end, maxsplit=1)[1]
    return (message[:-len(remedy)].rstrip(' :.') + '.',
            remedy[:1].upper() + remedy[1:])


def _remedies(refused, code):
    """How the messages of a code end: from the fact, which all share, on."""
    if refused.code == code:
        end = _PLACEHOLDER.split(refused.msg_fmt)[-1]
        if _AFTER_THE_FACT.search(end):
            yield end
    for kind in refused.__subclasses__():
        yield from _remedies(kind, code)


def without_label(text, stack_id, name):
    """Leave out of a sentence which stack it is about.

    :param text: from heat.common.migrate.exception or a warning of a plan
    :param name: as it can be printed
    """
    for label in ('%s (%s)' % (name, stack_id), stack_id):
        text = text.replace('Stack ' + label, 'The stack')
        text = text.replace('stack ' + label, 'the stack')
    return text
