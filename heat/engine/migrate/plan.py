# SPDX-License-Identifier: Apache-2.0

"""The plan of a conversion: computed from rows, printable, not yet written.

The same value plans both ways: to convergence, and back to legacy.
"""

import collections
import dataclasses
import typing

from heat.common.migrate import text as migrate_text


class PlannedResource(typing.NamedTuple):
    """A resource row with the ids it will require and be needed by."""

    id: int
    name: str
    requires: tuple
    needed_by: tuple


@dataclasses.dataclass(frozen=True)
class PlannedStack:
    """A stack, with the values that make it a convergence or legacy stack.

    ``current_template_id`` is stored in its resources, unless each has its
    own, as in heat.engine.migrate.failed_stack. For a legacy stack it is None,
    as are the traversal and the graph. ``status`` does not change.
    """

    id: str
    name: str
    prev_raw_template_id: int
    current_template_id: int
    current_traversal: str
    resources: tuple
    dropped: tuple = ()
    status: str = 'COMPLETE'

    @property
    def left_template_ids(self):
        """Ids of the raw templates that the stack no longer uses."""
        return {self.prev_raw_template_id}

    @property
    def edges(self):
        """Edges of the graph, as pairs of the requiring and required id.

        A resource without any dependency gives one pair whose required id is
        None, as in heat.engine.dependencies.Graph.edges.
        """
        for resource in self.resources:
            if not resource.requires and not resource.needed_by:
                yield resource.id, None
            for required in resource.requires:
                yield resource.id, required

    @property
    def current_deps(self):
        """The edges in the shape in which a convergence create stores them.

        Each node is [resource id, is_update]; see ConvergenceNode.to_tuple
        in heat.engine.stack.
        """
        if self.current_traversal is None:
            return None
        return {'edges': [
            [[requirer, True], None if required is None else [required, True]]
            for requirer, required in self.edges]}


@dataclasses.dataclass(frozen=True)
class Plan:
    """The values that a conversion writes for a root stack and all below it.

    ``convergence`` is the kind that the stacks will have. ``stacks`` are the
    stacks of the tree that do not have it yet; there are none when there is
    nothing to do. ``tree`` has the rows that the plan was computed from.
    ``snapshots`` are those to repair, and ``warnings`` are sentences for the
    owner of the stack. ``fills`` are the values that the rows of convergence
    stacks lack, each a heat.engine.migrate.fill.StackFill. A plan with
    ``repair`` has only these, and says in ``lacked`` what was missing.
    ``left_out`` are ids of nested stacks of the tree that stay unchanged.
    ``dead_locks`` are pairs of a stack id and the id of the dead engine whose
    lock it has. ``failed`` are the stacks that heat.engine.migrate.failed has
    planned.
    """

    stack_id: str
    label: str
    convergence: bool
    stacks: tuple
    tree: object = dataclasses.field(repr=False)
    empty_backups: tuple = ()
    snapshots: tuple = ()
    warnings: tuple = ()
    fills: tuple = ()
    repair: bool = False
    lacked: str = ''
    left_out: tuple = ()
    dead_locks: tuple = ()
    failed: tuple = ()

    @property
    def nothing_to_do(self):
        return not self.changed

    @property
    def changed(self):
        """The stacks that are written, each a PlannedStack or StackFill."""
        return self.stacks + self.fills

    @property
    def nested(self):
        """Number of stacks below the root stack."""
        return sum(1 for row in self.tree.stacks[1:]
                   if not row.backup and row.id not in self.left_out)

    @property
    def resources(self):
        """Number of resources that will be written."""
        return sum(len(stack.resources) for stack in self.changed)

    @property
    def edges(self):
        """Number of dependencies between resources."""
        return sum(len(resource.requires) for stack in self.stacks
                   for resource in stack.resources) + sum(
                       fill.added for fill in self.fills)

    def counts(self):
        """How much is written, for example "1 stack, 2 resources, ..."."""
        return ', '.join((
            migrate_text.count(len(self.changed), 'stack'),
            migrate_text.count(self.resources, 'resource'),
            migrate_text.count(self.edges, 'dependency', 'dependencies')))

    @property
    def dropped(self):
        """Names of the empty resource rows to delete."""
        return tuple(migrate_text.printable(row.name)
                     for stack in self.stacks for row in stack.dropped)

    @property
    def without_root(self):
        """Number of resource rows without the id of their root stack.

        Very old Heat stored none. Lists and counts of a whole tree leave such
        rows out (resource_get_all_by_root_stack in heat.db.api).
        """
        return sum(1 for row in self.tree.resources
                   if row.root_stack_id != self.stack_id)

    def for_users(self):
        """Yield what users of failed stacks must know, as short texts."""
        for stack in self.failed:
            # The event is about the root stack.
            if stack.id == self.stack_id and stack.new_template:
                yield ('Rollbacks and updates with the existing template now '
                       'use %s' % stack.new_template)
        if any(stack.moved for stack in self.failed):
            yield 'Its next update deletes what earlier ones replaced'

    def __str__(self):
        text = '%s: %s' % (self.label, self.counts())
        if self.dropped:
            text += ('; resource rows that hold nothing will be deleted: %s'
                     % ', '.join(self.dropped))
        if self.empty_backups:
            text += ('; backup stacks that nothing needs any more will be '
                     'deleted: %s' % ', '.join(self.empty_backups))
        if self.without_root:
            text += ('; resource rows of an older Heat that will get the id '
                     'of their root stack: %d' % self.without_root)
        for stack in self.failed:
            text += '; ' + ': '.join(filter(None, (
                '%s is %s' % (migrate_text.printable(stack.name),
                              stack.state),
                '; '.join(stack.in_words()))))
        if self.warnings:
            text += '.'
        return ' '.join([text] + ['Warning: ' + warning
                                  for warning in self.warnings])


def label(row):
    """A stack in words: its name, and the id that commands take."""
    return '%s (%s)' % (migrate_text.printable(row.name), row.id)


def resource_label(row):
    """A resource in words: its name, and the id of its physical resource."""
    return '%s (%s)' % (row.name, row.physical_resource_id)


def to_change(tree, convergence):
    """The stack rows of a tree that a conversion (or a revert) changes."""
    return [row for row in tree.stacks
            if not row.backup and bool(row.convergence) != convergence]


def is_mixed(tree):
    """Whether some stacks of a tree are convergence and others legacy."""
    return all(to_change(tree, convergence) for convergence in (True, False))


def snapshots_of(tree, rows):
    """The snapshot rows of some of the stack rows of a tree."""
    ids = {row.id for row in rows}
    return [row for row in tree.snapshots if row.stack_id in ids]


def by_stack(rows):
    """Group rows by the stack that they belong to: {stack id: [row]}."""
    groups = collections.defaultdict(list)
    for row in rows:
        groups[row.stack_id].append(row)
    return groups


def by_owner(rows):
    """Group stack rows by the stack above them: {stack id: [row]}."""
    groups = collections.defaultdict(list)
    for row in rows:
        groups[row.owner_id].append(row)
    return groups


def is_deleted(row):
    """Whether the physical resource is gone, although the row has its id.

    Heat has deleted it, or kept it because of its deletion policy. It would
    remove such a row itself (resource_purge_deleted in heat.db.api).
    """
    return (row.action, row.status) == ('DELETE', 'COMPLETE')


def holds_nothing(row):
    """Whether a row of a failed or a backup stack holds nothing."""
    return is_deleted(row) or (row.action == 'INIT' and
                               not row.physical_resource_id)
