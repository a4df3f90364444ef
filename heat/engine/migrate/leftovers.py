# SPDX-License-Identifier: Apache-2.0

"""Find nested stacks that no resource names, and take them out of a tree.

A create whose RPC call times out leaves such a stack, and so does a resource
that is removed with the deletion policy Retain. No resource row has the id of
the nested stack as its physical id.
"""

import collections
import typing

from heat.common.migrate import text as migrate_text
from heat.engine.migrate import plan as migrate_plan

#: How many shared resources of a stack a message names.
NAMED = 3


class Split(typing.NamedTuple):
    """A tree without some unreferenced stacks, and what was taken out.

    ``unreferenced`` are the stack rows that no resource names. ``out`` has
    these, and the rows of all stacks nested in them.
    """

    tree: object
    unreferenced: tuple = ()
    out: tuple = ()


def is_sane(row):
    """Whether the last operation of a stack succeeded or is in progress."""
    return (row.status in ('COMPLETE', 'IN_PROGRESS') and
            row.action not in (None, 'DELETE'))


def unreferenced(tree, failed=False):
    """The nested stacks of a tree that no resource in it names.

    A stack whose owner is not COMPLETE does not count: an operation of its
    owner may be about to name it.

    :param failed: count those whose owner is FAILED as well. An engine that
        died before it stored the id of a nested stack leaves one.
    :returns: a list of stack rows, without what is nested in them
    """
    rows = {row.id: row for row in tree.stacks}
    named = {row.physical_resource_id for row in tree.resources}

    def is_idle(owner):
        return (owner.status == 'COMPLETE' and is_sane(owner) or
                failed and owner.status == 'FAILED')

    return [row for row in tree.stacks[1:]
            if not row.backup and row.id not in named and
            is_idle(rows[row.owner_id])]


def in_the_way(tree):
    """The unreferenced stack that prevents a conversion, or None.

    An unreferenced stack that is sane is converted with the tree. Of several
    it is the innermost: if the user deletes a stack, nothing deletes the
    unreferenced stacks in it.
    """
    return next((row for row in reversed(unreferenced(tree))
                 if not is_sane(row)), None)


def lost(tree):
    """The innermost unreferenced stack of a FAILED or COMPLETE owner, or None.

    Unlike in :func:`in_the_way`, the stack of a FAILED owner need not have
    failed itself. The next update of its owner creates another nested stack.
    """
    rows = {row.id: row for row in tree.stacks}
    return next((row for row in reversed(unreferenced(tree, failed=True))
                 if not is_sane(row) or
                 rows[row.owner_id].status == 'FAILED'), None)


def leave_out(tree, condition=lambda rows: True, failed=False):
    """Take unreferenced stacks, and all nested in them, out of a tree.

    :param condition: whether to take out a list of stack rows, the first of
        which is the unreferenced one
    :param failed: as for :func:`unreferenced`
    :returns: a :class:`Split`
    """
    below = migrate_plan.by_owner(tree.stacks[1:])
    parts = [part for part in (_from(below, top)
                               for top in unreferenced(tree, failed))
             if condition(part)]
    out = {row.id: row for part in parts for row in part}
    if not out:
        return Split(tree)
    return Split(
        tree._replace(
            stacks=tuple(row for row in tree.stacks if row.id not in out),
            resources=_others(tree.resources, out),
            snapshots=_others(tree.snapshots, out)),
        tuple(part[0] for part in parts), tuple(out.values()))


def in_words(shared):
    """Name the stacks that share physical resources with a leftover.

    :param shared: a list of heat.db.migrate.leftovers.Shared
    """
    resources = collections.defaultdict(list)
    for row in shared:
        resources[row.stack_name, row.stack_id].append(
            '%s = %s' % (row.resource, row.physical_resource_id))
    return migrate_text.printable(_some([
        '%s (%s) has %s' % (*stack, _some(names))
        for stack, names in resources.items()], '; '))


def _some(names, between=', '):
    text = between.join(names[:NAMED])
    if len(names) > NAMED:
        text += ' and %d more' % (len(names) - NAMED)
    return text


def _others(rows, stack_ids):
    return tuple(row for row in rows if row.stack_id not in stack_ids)


def _from(below, top):
    """A stack row of a tree and all rows below it, parents first."""
    rows = [top]
    for row in rows:
        rows.extend(below[row.id])
    return rows


def are_legacy(rows):
    """Whether all of the stacks are legacy, as a revert requires."""
    return not any(row.convergence for row in rows if not row.backup)


def are_not_to_verify(rows):
    """Whether one of the stacks is legacy, or its last operation failed."""
    return any(not row.convergence or not is_sane(row) for row in rows)
