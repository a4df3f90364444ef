# SPDX-License-Identifier: Apache-2.0

"""Refuse a tree that cannot be converted or reverted, from its rows alone."""

import collections

from heat.common.migrate import exception as migrate_exception
from heat.engine.migrate import leftovers as migrate_leftovers
from heat.engine.migrate import plan as migrate_plan


def complete(tree, locks):
    """Refuse a tree unless all of it is COMPLETE and idle.

    :param tree: a heat.db.migrate.rows.Tree whose first stack is a root
    :param locks: {stack id: engine id} of the locked stacks
    :raises MigrationRefused: with the reason
    """
    no_converged_backups(tree)
    converged = {row.id for row in tree.stacks if row.convergence}
    held = collections.Counter(row.stack_id for row in tree.resources)
    held.update(row.owner_id for row in tree.stacks)
    for row in tree.stacks:
        if row.backup:
            if held[row.id] and row.owner_id not in converged:
                raise migrate_exception.BackupResources(
                    stack=migrate_plan.label(tree.root),
                    backup=migrate_plan.label(row))
            continue
        if row.status == 'IN_PROGRESS':
            raise migrate_exception.InProgress(stack=migrate_plan.label(row),
                                               action=row.action)
        if not is_complete(row):
            raise _not_complete(tree, row)
    for row in tree.stacks:
        not_locked(row, locks)


def is_complete(row):
    """Whether the last operation of a stack has succeeded.

    A stack whose delete has succeeded does not count. Its row is still there
    only because an engine died before it deleted the row.
    """
    return row.status == 'COMPLETE' and row.action not in (None, 'DELETE')


def not_locked(row, locks):
    """Refuse a stack row if its stack is locked.

    :param locks: {stack id: engine id} of the locked stacks
    """
    if row.id in locks:
        raise migrate_exception.Locked(stack=migrate_plan.label(row),
                                       engine=locks[row.id])


def no_converged_backups(tree):
    """Refuse backup stacks of the legacy engine below a convergence stack.

    No update deletes their resources, and no plan moves them.
    """
    rows = {row.id: row for row in tree.stacks}
    for row in tree.resources:
        backup = rows[row.stack_id]
        owner = backup.backup and rows[backup.owner_id]
        if owner and owner.convergence and not migrate_plan.holds_nothing(row):
            raise migrate_exception.ConvergedBackup(
                stack=migrate_plan.label(owner),
                backup=migrate_plan.label(backup),
                resource=migrate_plan.resource_label(row))


def _not_complete(tree, row):
    unreferenced = migrate_leftovers.in_the_way(tree)
    if unreferenced is None:
        return migrate_exception.NotComplete(stack=migrate_plan.label(row),
                                             state=state(row))
    return refuse_unreferenced(tree, unreferenced)


def refuse_unreferenced(tree, row):
    """Make the refusal for a nested stack that no resource names."""
    owner = next(other for other in tree.stacks if other.id == row.owner_id)
    return migrate_exception.UnreferencedNested(
        stack=migrate_plan.label(tree.root),
        nested=migrate_plan.label(row), id=row.id,
        owner=migrate_plan.label(owner), state=state(row))


def state(row):
    """Action and status, for example UPDATE_FAILED."""
    return '%s_%s' % (row.action, row.status)


def idle(rows, locks):
    """Refuse stack rows if an operation runs on one of them.

    :param locks: {stack id: engine id} of the locked stacks
    """
    for row in rows:
        if row.status == 'IN_PROGRESS' and not row.backup:
            raise migrate_exception.InProgress(stack=migrate_plan.label(row),
                                               action=row.action)
        not_locked(row, locks)
