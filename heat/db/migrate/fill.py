# SPDX-License-Identifier: Apache-2.0

"""Write the values that the rows of convergence stacks lack."""

import sqlalchemy

from heat.common.migrate import exception as migrate_exception
from heat.db import models


def write(session, plan):
    """Write the fills of a plan within the caller's transaction.

    A convergence operation begins by storing a traversal of its own. The row
    of the stack is written first, so no operation can begin until the end of
    the transaction, and the resource rows are unchanged since they were read.

    :param plan: a heat.engine.migrate.plan.Plan
    :raises TreeChanged: when a stack is not as the plan assumed
    """
    rows = {row.id: row for row in plan.tree.stacks}
    for fill in plan.fills:
        if not _write_stack(session, rows[fill.id], fill):
            raise migrate_exception.TreeChanged(stack=plan.label)
    _write_resources(session, plan, 'requires')
    _write_resources(session, plan, 'current_template_id')


def _write_stack(session, row, fill):
    """Write a stack if it is unchanged; returns whether it is."""
    stack = models.Stack
    values = {stack.current_traversal: (fill.current_traversal or
                                        row.current_traversal)}
    if fill.current_deps is not None:
        values[stack.current_deps] = fill.current_deps
    traversal = (stack.current_traversal.is_(None)
                 if row.current_traversal is None
                 else stack.current_traversal == row.current_traversal)
    return session.execute(
        sqlalchemy.update(stack).where(
            stack.id == row.id, stack.status == row.status, traversal)
        .values(values),
        execution_options={'synchronize_session': False}).rowcount


def _write_resources(session, plan, column):
    table = models.Resource.__table__
    values = [{'row_id': resource.id, 'value': getattr(resource, column)}
              for fill in plan.fills for resource in fill.resources
              if getattr(resource, column) is not None]
    if values:
        # One statement a row, so that its text is always the same.
        session.connection().execute(
            sqlalchemy.update(table)
            .where(table.c.id == sqlalchemy.bindparam('row_id'))
            .values({column: sqlalchemy.bindparam('value')}), values)
