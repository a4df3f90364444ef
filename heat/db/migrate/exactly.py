# SPDX-License-Identifier: Apache-2.0

"""Statements that change exactly the rows that they are meant to change."""

from heat.common.migrate import exception as migrate_exception


def label(plans):
    """The stacks in words, for an error that may be about any of them."""
    return ', '.join(plan.label for plan in plans)


def execute(session, rows, plans, statement, **options):
    """Execute a statement that must change exactly this number of rows.

    :param statement: on a table: on a model it would take three times as long
    :param options: of its execution
    :raises TreeChanged: when it has changed another number
    """
    result = session.execute(statement, execution_options=options)
    if result.rowcount != rows:
        raise migrate_exception.TreeChanged(stack=label(plans))


def execute_once(session, rows, plans, statement):
    """The same, for a statement whose text is unique to the plans.

    SQLAlchemy would cache the last 500 of them, of a megabyte each.
    """
    execute(session, rows, plans, statement, compiled_cache=None)
