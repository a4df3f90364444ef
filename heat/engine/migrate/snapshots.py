# SPDX-License-Identifier: Apache-2.0

"""Plan what happens to snapshots in a conversion or a revert.

The legacy engine stores the data of each resource in the row of the snapshot.
Convergence stores it in rows of resource_snapshot, if Heat has that table.
Without such rows it reads the row of the snapshot (heat.objects.snapshot). So
these snapshots stay unchanged. Only snapshots that a dead legacy engine left
behind are repaired. Convergence needs data in the row, and refuses to delete a
snapshot that is being created.
"""

import typing

from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import text as migrate_text
from heat import overlay


class PlannedSnapshot(typing.NamedTuple):
    """A snapshot row to repair.

    If ``interrupted``, it becomes FAILED. If ``without_data``, it gets data
    without any resource.
    """

    id: str
    name: str
    interrupted: bool
    without_data: bool


def to_mend(snapshots):
    """The snapshots of legacy stacks that convergence could not delete.

    The lock of their stacks is free, so no engine is taking these snapshots:
    the legacy engine would hold the lock (EngineService.stack_snapshot).
    """
    # Without resource_snapshot both engines use the data of the row. Data
    # without a template is worse than no data.
    wants_data = overlay.release().converged_actions
    planned = (PlannedSnapshot(row.id, name(row), _is_interrupted(row),
                               wants_data and not row.has_data)
               for row in snapshots)
    return tuple(row for row in planned
                 if row.interrupted or row.without_data)


def warnings(label, snapshots):
    """Yield the warnings for the owner of a stack to be converted.

    :param label: the root stack in words
    """
    if snapshots and overlay.release().converged_actions:
        yield ('Snapshots of stack %s stay: %s. Delete them before the stack: '
               'Heat deletes a convergence stack without the resources of '
               'its snapshots.'
               % (label, ', '.join(name(row) for row in snapshots)))
    interrupted = [row for row in snapshots if _is_interrupted(row)]
    if interrupted:
        yield ('Snapshots of stack %s that an engine never completed become '
               'FAILED, so that they can be deleted: %s.'
               % (label, ', '.join(name(row) for row in interrupted)))


def refuse_native(label, snapshots):
    """Refuse a revert of stacks with snapshots of convergence.

    :raises HasSnapshots: the legacy engine would not find the data of their
        resources
    """
    native = [name(row) for row in snapshots if row.has_rows]
    if native:
        raise migrate_exception.HasSnapshots(stack=label,
                                             snapshots=', '.join(native))


def name(row):
    """A snapshot in words; it need not have a name."""
    return migrate_text.printable(row.name or row.id)


def _is_interrupted(row):
    # Before Heat had the column, a snapshot had no action.
    return row.status == 'IN_PROGRESS' and row.action in (None, 'CREATE')
