# SPDX-License-Identifier: Apache-2.0

"""Split a refusal into what is wrong and what to do about it.

A report prints each remedy once, for all stacks that need it.
"""

import re

from heat.common.migrate import exception as migrate_exception

# The separators between a fact and the remedy in a msg_fmt.
_AFTER_THE_FACT = re.compile(r'[:.] ')
_PLACEHOLDER = re.compile(r'%\(\w+\)s')


def split(code, message):
    """Split the message of a refusal.

    :param code: of the heat.common.migrate.exception class that it is from
    :returns: what is wrong with the stack, and the remedy; the remedy is empty
        if the message has none, or if it differs between stacks
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
    """The remedies of the messages of a code; they follow a common fact."""
    if refused.code == code:
        end = _PLACEHOLDER.split(refused.msg_fmt)[-1]
        if _AFTER_THE_FACT.search(end):
            yield end
    for kind in refused.__subclasses__():
        yield from _remedies(kind, code)


def without_label(text, stack_id, name):
    """Remove the name of the stack from a sentence.

    :param text: from heat.common.migrate.exception or a warning of a plan
    :param name: as it can be printed
    """
    # A plan begins with this.
    whole = '%s (%s)' % (name, stack_id)
    if text.startswith(whole + ': '):
        return text[len(whole) + 2:]
    for label in (whole, stack_id):
        text = text.replace('Stack ' + label, 'The stack')
        text = text.replace('stack ' + label, 'the stack')
    return text
