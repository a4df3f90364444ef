# SPDX-License-Identifier: Apache-2.0

"""The plan of a conversion: computed from rows, printable, not yet written.

The same value plans both ways: to convergence, and back to legacy.
"""

import collections
import dataclasses
import typing

from oslo_utils import uuidutils

from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import text as migrate_text
from heat.engine.migrate import leftovers as migrate_leftovers
from heat.engine.migrate import snapshots as migrate_snapshots


class PlannedResource(typing.NamedTuple):
    """A resource row with the ids it will require and be needed by."""

    id: int
    name: str
    requires: tuple
    needed_by: tuple


@dataclasses.dataclass(frozen=True)
class PlannedStack:
    """A stack and what makes a convergence (or a legacy) stack of it.

    ``current_template_id`` is meant for its resources. A legacy stack has
    none there, and no traversal and no stored graph either. ``status`` is
    the one that the stack has, and keeps.
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

        A resource on its own gives one pair whose required id is None, as
        in heat.engine.dependencies.Graph.edges.
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
    stacks lack, each a heat.engine.migrate.fill.StackFill; a plan with
    ``repair`` has only these.
    ``left_out`` are ids of nested stacks of the tree that stay unchanged.
    ``dead_locks`` are pairs of a stack id and the id of the dead engine whose
    lock it has.
    ``failed`` are those of the stacks that are planned by
    heat.engine.migrate.failed.
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
        """Names of the resource rows to delete, which hold nothing."""
        return tuple(migrate_text.printable(row.name)
                     for stack in self.stacks for row in stack.dropped)

    @property
    def without_root(self):
        """Number of resource rows without the id of their root stack.

        Very old Heat stored none, and lists and counts of a whole tree
        (resource_get_all_by_root_stack in heat.db.api) leave such rows out.
        """
        return sum(1 for row in self.tree.resources
                   if row.root_stack_id != self.stack_id)

    def for_users(self):
        """Yield what users of failed stacks must know, in short."""
        if any(stack.restored for stack in self.failed):
            yield ('Rollbacks and updates of the existing template now start '
                   'from the template of the failed update')
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


def to_change(tree, convergence):
    """The stack rows of a tree that are not yet what they are to be."""
    return [row for row in tree.stacks
            if not row.backup and bool(row.convergence) != convergence]


def is_mixed(tree):
    """Whether some stacks of a tree are convergence and others legacy."""
    return all(to_change(tree, convergence) for convergence in (True, False))


def check(tree, locks):
    """Refuse a tree that is not in a sane state, from its rows alone.

    :param tree: a heat.db.migrate.tree.Tree whose first stack is a root
    :param locks: {stack id: engine id} of the locked stacks
    :raises MigrationRefused: with the reason
    """
    held = collections.Counter(row.stack_id for row in tree.resources)
    held.update(row.owner_id for row in tree.stacks)
    for row in tree.stacks:
        if row.backup:
            if held[row.id]:
                raise migrate_exception.BackupResources(
                    stack=label(tree.root), backup=label(row))
            continue
        if row.status == 'IN_PROGRESS':
            raise migrate_exception.InProgress(stack=label(row),
                                               action=row.action)
        if row.status != 'COMPLETE' or row.action in (None, 'DELETE'):
            raise _not_complete(tree, row)
    for row in tree.stacks:
        if row.id in locks:
            raise migrate_exception.Locked(stack=label(row),
                                           engine=locks[row.id])


def _not_complete(tree, row):
    unreferenced = migrate_leftovers.in_the_way(tree)
    if unreferenced is None:
        return migrate_exception.NotComplete(stack=label(row),
                                             state=_state(row))
    owner = next(row for row in tree.stacks
                 if row.id == unreferenced.owner_id)
    return migrate_exception.UnreferencedNested(
        stack=label(tree.root), nested=label(unreferenced),
        id=unreferenced.id, owner=label(owner), state=_state(unreferenced))


def _state(row):
    return '%s_%s' % (row.action, row.status)


def check_idle(rows, locks):
    """Refuse if an operation runs on one of some stack rows.

    :param locks: {stack id: engine id} of the locked stacks
    """
    for row in rows:
        if row.status == 'IN_PROGRESS' and not row.backup:
            raise migrate_exception.InProgress(stack=label(row),
                                               action=row.action)
        if row.id in locks:
            raise migrate_exception.Locked(stack=label(row),
                                           engine=locks[row.id])


def with_left_out(plan, tree, split):
    """The plan of a whole tree, made of that of a part.

    All of the tree is locked and read again before the plan is written: if a
    resource names one of the stacks by then, the tree has changed.

    :param split: the heat.engine.migrate.leftovers.Split of the tree
    """
    if not split.out:
        return plan
    return dataclasses.replace(
        plan, tree=tree, left_out=tuple(row.id for row in split.out),
        warnings=plan.warnings + tuple(
            'Nested stack %s is left out and stays as it is: no resource '
            'names it.' % label(row) for row in split.unreferenced))


def make(tree, requirements):
    """Make the plan of a tree that :func:`check` found sane.

    :param requirements: called with each legacy stack row, it gives
        {resource name: set of the resource names that it requires}
    :returns: the :class:`Plan`
    :raises MigrationRefused: when rows and template do not fit together
    """
    resources = by_stack(tree.resources)
    return of_stacks(tree, tuple(
        plan_stack(row, resources[row.id], requirements(row))
        for row in to_change(tree, convergence=True)))


def of_stacks(tree, stacks):
    """The plan of a tree whose legacy stacks are planned already."""
    rows = to_change(tree, convergence=True)
    planned = {stack.id for stack in stacks}
    held = {row.stack_id for row in tree.resources}
    empty_backups = tuple(
        row.id for row in tree.stacks if row.backup and
        (row.owner_id in planned or row.id not in held))
    snapshots = snapshots_of(tree, rows)
    return Plan(stack_id=tree.root.id, label=label(tree.root),
                convergence=True, tree=tree, stacks=stacks,
                empty_backups=empty_backups if rows else (),
                snapshots=migrate_snapshots.to_mend(snapshots),
                warnings=tuple(migrate_snapshots.warnings(
                    label(tree.root), snapshots)))


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


def plan_stack(row, resources, required, traversal=None):
    """What a stack row and its resource rows have to hold.

    :param required: {resource name: set of the names that it requires}
    :param traversal: the traversal to keep; a new one when there is none
    :raises MigrationRefused: when rows and template do not fit together
    """
    members, dropped = match(row, resources, required)
    ids = {name: member.id for name, member in members.items()}
    needed = collections.defaultdict(set)
    for name, names in required.items():
        for other in names:
            needed[other].add(name)

    def ids_of(names):
        # Highest first, as heat.engine.resource.Resource.store has it.
        return tuple(sorted((ids[name] for name in names), reverse=True))

    return PlannedStack(
        id=row.id, name=row.name,
        prev_raw_template_id=row.prev_raw_template_id,
        current_template_id=row.raw_template_id,
        current_traversal=traversal or uuidutils.generate_uuid(),
        resources=tuple(PlannedResource(ids[name], name, ids_of(names),
                                        ids_of(needed[name]))
                        for name, names in sorted(
                            required.items(), key=lambda item: ids[item[0]])),
        dropped=tuple(dropped))


def match(stack, resources, names):
    """Match the resource rows of a stack with the names in its template.

    :returns: {name: row}, and the rows that hold nothing and can go
    """
    members, dropped, orphans = {}, [], []
    for row in sorted(resources, key=worth):
        # The legacy engine sets no engine_id and goes by none: in a legacy
        # stack it is left over, and a conversion clears it.
        if row.status == 'IN_PROGRESS' or row.engine_id and stack.convergence:
            raise migrate_exception.ResourceInProgress(
                stack=label(stack), resource=row.name, action=row.action)
        if (row.name in names and row.name not in members and
                not _is_deleted(row)):
            members[row.name] = row
        elif row.physical_resource_id and not _is_deleted(row):
            orphans.append('%s (%s)' % (row.name, row.physical_resource_id))
        else:
            dropped.append(row)
    if orphans:
        raise migrate_exception.OrphanResources(
            stack=label(stack), resources=', '.join(orphans))
    missing = sorted(name for name in names if name not in members)
    if missing:
        raise migrate_exception.MissingResources(
            stack=label(stack), resources=', '.join(missing))
    return members, dropped


def worth(row):
    """Sort key: of rows with the same name the one to keep comes first.

    A crash of the legacy engine can leave two. A row with a physical resource
    comes before one without, and a later row before an earlier one. The
    legacy engine itself uses the later one (resource_get_all_by_stack in
    heat.db.api).
    """
    return row.name, not row.physical_resource_id, -row.id


def _is_deleted(row):
    """Whether the physical resource is gone, although the row has its id.

    Heat has deleted it, or kept it because of its deletion policy. It would
    remove such a row itself (resource_purge_deleted in heat.db.api).
    """
    return (row.action, row.status) == ('DELETE', 'COMPLETE')
