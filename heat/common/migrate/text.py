# SPDX-License-Identifier: Apache-2.0

"""Text for people: names without control characters, errors and counts."""

import re
import sys

#: Modules of Python. Of their exceptions, messages show only the type.
_STANDARD = getattr(sys, 'stdlib_module_names', frozenset((
    'asyncio', 'binascii', 'builtins', 'concurrent', 'copy', 'decimal',
    'graphlib', 'http', 'json', 'pickle', 'queue', 're', 'socket', 'ssl',
    'struct', 'subprocess', 'threading', 'urllib', 'xml', 'zlib')))

# Ids of requests, and addresses in memory. An event may cut the last one.
_DIFFERS = re.compile(
    r'\breq-(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f-]*$)'
    r'|\b0x(?:[0-9a-f]{6,}|[0-9a-f]*$)')


def printable(text):
    """Escape characters that end a line or control a terminal.

    Heat takes newlines and control characters in the names of resources,
    parameters and stacks. Python's own escapes are used: a newline becomes
    a backslash and an n.

    :param text: anything; ``str`` of it is used
    """
    text = str(text)
    if text.isprintable():
        return text
    return ''.join(char if char.isprintable() else
                   char.encode('unicode_escape').decode('ascii')
                   for char in text)


def count(number, one, many=None):
    """A number with its noun, for example "1 stack" or "2 stacks".

    :param many: the plural, where it is not ``one`` with an s
    """
    return '%d %s' % (number, one if number == 1 else many or one + 's')


def same_reason(one, other):
    """Whether two texts of errors differ at most in what changes each time.

    Services put the id of the request into each refusal. Python puts an
    address in memory where it shows an object.
    """
    return _DIFFERS.sub('', one) == _DIFFERS.sub('', other)


def is_pythons(error):
    """Whether an exception is Python's own; its text is then not shown.

    Heat and the clients of services write their messages for people.
    "'NoneType' object has no attribute 'x'" helps nobody.
    """
    return type(error).__module__.partition('.')[0] in _STANDARD


def one_line(error):
    """The text of an error in one line, or its type if it has no text."""
    return ' '.join(str(error).split()) or type(error).__name__


def of_error(error):
    """The text of an exception, to be used within a sentence.

    :param error: what Heat, a service's client or Python has raised
    """
    if is_pythons(error):
        return 'an unexpected %s' % type(error).__name__
    return printable(' '.join(str(error).split()).rstrip('.') or
                     type(error).__name__)
