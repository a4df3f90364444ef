# SPDX-License-Identifier: Apache-2.0

"""Fit text into the columns of a terminal, where some characters take two."""

import textwrap

import wcwidth

from heat.common.migrate import text as migrate_text

# Stands for the second column of a character; no printable text has it.
_FILLER = '\0'


def shortened(text, most):
    """A printable text, cut to a number of columns."""
    text = migrate_text.printable(text)
    if wcwidth.wcswidth(text) <= most:
        return text
    end = len(text)
    while end and wcwidth.wcswidth(text[:end]) > most - 3:
        end -= 1
    return text[:end] + '...'


def wrapped(text, most, first, others):
    """Yield the lines of a printable text; no path or id is broken.

    :param first: the indent of the first line
    :param others: the indent of the other lines
    """
    # textwrap counts characters.
    text = ''.join(char + _FILLER * (wcwidth.wcwidth(char) - 1)
                   for char in migrate_text.printable(text))
    for line in textwrap.wrap(
            text, most, initial_indent=first, subsequent_indent=others,
            break_long_words=False, break_on_hyphens=False):
        yield line.replace(_FILLER, '')


def cell(text, width):
    """The same, filled up with spaces."""
    text = shortened(text, width)
    return text + ' ' * (width - wcwidth.wcswidth(text))
