# SPDX-License-Identifier: Apache-2.0

"""Refuse a tree that even --failed does not convert."""

import datetime

from oslo_utils import timeutils

from heat.common.migrate import exception as migrate_exception
from heat.engine.migrate import check as migrate_check
from heat.engine.migrate import failed_templates
from heat.engine.migrate import leftovers as migrate_leftovers
from heat.engine.migrate import plan as migrate_plan

# The states that --failed converts, beside those that check.is_complete
# accepts.
_STATES = {'DELETE_COMPLETE', *(
    action + '_FAILED' for action in
    failed_templates.SWITCHING + ('CREATE', 'ADOPT', 'DELETE'))}

#: Heat stores a new stack, creates a user project in Keystone, and only then
#: locks the stack (create_stack in heat.engine.service).
BEFORE_THE_LOCK = datetime.timedelta(minutes=10)


def concerns(tree):
    """Whether only ``--failed`` converts a tree."""
    held = {row.stack_id for row in tree.resources}
    return any(row.id in held if row.backup
               else not migrate_check.is_complete(row)
               for row in tree.stacks)


def name_the_option(refused, tree, locks):
    """Raise a refusal that names ``--failed``, if that would help.

    :param refused: the exception of migrate_check.complete
    """
    with_option = {
        migrate_exception.NotComplete: migrate_exception.NotCompleteYet,
        migrate_exception.BackupResources: migrate_exception.BackupInUse,
    }.get(type(refused))
    if with_option is None:
        return
    try:
        check(tree, locks)
    except migrate_exception.MigrationRefused:
        return
    raise with_option(**refused.kwargs) from refused


def check(tree, locks):
    """Refuse a tree that even ``--failed`` does not take, from its rows.

    :param tree: a heat.db.migrate.rows.Tree whose first stack is a root
    :param locks: {stack id: engine id} of the locked stacks
    :raises MigrationRefused: with the reason
    """
    backups = {row.id: row for row in tree.stacks if row.backup}
    for row in tree.stacks:
        if row.owner_id in backups:
            raise migrate_exception.StackInBackup(
                stack=migrate_plan.label(tree.root),
                nested=migrate_plan.label(row),
                backup=migrate_plan.label(backups[row.owner_id]))
        if not row.backup:
            _check_state(row, locks)
    _check_backups(tree, backups)
    if migrate_plan.to_change(tree, convergence=True):
        migrate_check.no_converged_backups(tree)
        lost = migrate_leftovers.lost(tree)
        if lost is not None:
            raise migrate_check.refuse_unreferenced(tree, lost)
    for row in tree.stacks:
        migrate_check.not_locked(row, locks)


def _check_state(row, locks):
    if row.status == 'IN_PROGRESS':
        refused = (migrate_exception.InProgress
                   if row.convergence or row.id in locks or _is_new(row)
                   else migrate_exception.Interrupted)
        raise refused(stack=migrate_plan.label(row), action=row.action)
    state = migrate_check.state(row)
    if not (migrate_check.is_complete(row) or state in _STATES):
        raise migrate_exception.NotComplete(stack=migrate_plan.label(row),
                                            state=state)


def check_interrupted(tree, templates):
    """Refuse an interrupted stack that no engine can make FAILED.

    An engine that starts loads the resources of each such stack from the
    template that it has (reset_stack_and_resources_in_progress in
    heat.engine.stack).

    :param templates: a heat.engine.migrate.templates.Templates
    :raises InterruptedTemplate: when a template cannot be parsed
    :raises UnknownResourceType: when a plug-in is missing
    """
    for row in tree.stacks:
        if row.status != 'IN_PROGRESS' or row.convergence or row.backup:
            continue
        try:
            templates.definitions(row)
        except migrate_exception.InvalidTemplate as exc:
            raise migrate_exception.InterruptedTemplate(
                action=row.action, template=row.raw_template_id,
                **exc.kwargs) from exc
        # This looks up all plug-ins.
        templates.prepared(row)


def _is_new(row):
    return (row.action in ('CREATE', 'ADOPT') and row.created_at is not None
            and timeutils.utcnow() - row.created_at < BEFORE_THE_LOCK)


def _check_backups(tree, backups):
    seen = {}
    for row in tree.resources:
        backup = backups.get(row.stack_id)
        if backup is None or migrate_plan.holds_nothing(row):
            continue
        other = seen.setdefault((backup.owner_id, row.name), row)
        if other is not row:
            raise migrate_exception.TwoInBackup(
                stack=migrate_plan.label(tree.root),
                resources=', '.join(map(migrate_plan.resource_label,
                                        (other, row))),
                backup=migrate_plan.label(backup))
