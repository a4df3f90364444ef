# SPDX-License-Identifier: Apache-2.0

"""Errors that stop a command, and errors in one line."""

from heat.common.migrate import text as migrate_text


class CommandError(Exception):
    """The command cannot begin or continue; the text is the line to print."""


def one_line(error):
    """An error as one line, or its type if it has no text.

    For an error of the database this is the text of the driver: the errors
    that wrap it add the statement with its values.
    """
    while (inner := getattr(error, 'inner_exception', None) or
           getattr(error, 'orig', None)) is not None:
        error = inner
    return migrate_text.one_line(error)
