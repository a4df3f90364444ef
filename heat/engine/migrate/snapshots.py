# SPDX-License-Identifier: Apache-2.0

"""Snapshots that were taken before a conversion, or after it.

The legacy engine stores what a snapshot knows of each resource in the row of
the snapshot, convergence in rows of resource_snapshot, where Heat has that
table. Convergence reads the first where there is none of the second
(heat.objects.snapshot), so that such snapshots stay as they are. Only what
the legacy engine leaves behind when it dies is mended: convergence wants data
to be there, and lets nobody delete a snapshot that is being created.
"""

import typing

from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import text as migrate_text
from heat import overlay


class PlannedSnapshot(typing.NamedTuple):
    """A snapshot row to mend.

    ``interrupted`` says that it becomes FAILED, ``without_data`` that
    it gets data without any resource.
    """

    id: str
    name: str
    interrupted: bool
    without_data: bool


def to_mend(snapshots):
    """The snapshots of legacy stacks that convergence could not delete.

    The lock of their stacks is free: the legacy engine holds it all the time
    while it takes a snapshot (EngineService.stack_snapshot).
    """
    # Without resource_snapshot there is one way for both engines, to which
    # data without a template is worse than none.
    wants_data = overlay.release().converged_actions
    planned = (PlannedSnapshot(row.id, name(row), _is_interrupted(row),
                               wants_data and not row.has_data)
               for row in snapshots)
    return tuple(row for row in planned
                 if row.interrupted or row.without_data)


def warnings(label, snapshots):
    """What the owner of a stack to be converted has to know, as sentences.

    :param label: the root stack in words
    """
    if snapshots and overlay.release().converged_actions:
        yield ('Snapshots of stack %s stay: %s. Delete them before the stack: '
               'under convergence Heat deletes a stack without what its '
               'snapshots hold.'
               % (label, ', '.join(name(row) for row in snapshots)))
    interrupted = [row for row in snapshots if _is_interrupted(row)]
    if interrupted:
        yield ('Snapshots of stack %s that an engine never completed become '
               'FAILED, so that they can be deleted: %s.'
               % (label, ', '.join(name(row) for row in interrupted)))


def refuse_native(label, snapshots):
    """Refuse to give snapshots of convergence to the legacy engine.

    :raises HasSnapshots: it would not find what they know of resources
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
