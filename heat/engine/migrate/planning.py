# SPDX-License-Identifier: Apache-2.0

"""Make the plan of a conversion from the rows of a tree."""

import collections
import dataclasses

from oslo_utils import uuidutils

from heat.common.migrate import exception as migrate_exception
from heat.engine.migrate import plan as migrate_plan
from heat.engine.migrate import snapshots as migrate_snapshots


def with_left_out(plan, tree, split):
    """The plan of a whole tree, made from the plan of a part.

    All of the tree is locked and read again before the plan is written. If a
    resource names one of the stacks by then, the tree has changed.

    :param split: the heat.engine.migrate.leftovers.Split of the tree
    """
    if not split.out:
        return plan
    return dataclasses.replace(
        plan, tree=tree, left_out=tuple(row.id for row in split.out),
        warnings=plan.warnings + tuple(
            'Nested stack %s is left out and stays as it is: no resource '
            'names it.' % migrate_plan.label(row)
            for row in split.unreferenced))


def make(tree, requirements):
    """Make the plan of a tree that heat.engine.migrate.check accepts.

    :param requirements: called with each legacy stack row, it gives
        {resource name: set of the resource names that it requires}
    :returns: a heat.engine.migrate.plan.Plan
    :raises MigrationRefused: when rows and template do not fit together
    """
    resources = migrate_plan.by_stack(tree.resources)
    return of_stacks(tree, tuple(
        plan_stack(row, resources[row.id], requirements(row))
        for row in migrate_plan.to_change(tree, convergence=True)))


def of_stacks(tree, stacks):
    """The plan of a tree whose legacy stacks are planned already."""
    rows = migrate_plan.to_change(tree, convergence=True)
    planned = {stack.id for stack in stacks}
    held = {row.stack_id for row in tree.resources}
    empty_backups = tuple(
        row.id for row in tree.stacks if row.backup and
        (row.owner_id in planned or row.id not in held))
    snapshots = migrate_plan.snapshots_of(tree, rows)
    label = migrate_plan.label(tree.root)
    return migrate_plan.Plan(
        stack_id=tree.root.id, label=label, convergence=True, tree=tree,
        stacks=stacks, empty_backups=empty_backups if rows else (),
        snapshots=migrate_snapshots.to_mend(snapshots),
        warnings=tuple(migrate_snapshots.warnings(label, snapshots)))


def plan_stack(row, resources, required, traversal=None):
    """The values that a stack row and its resource rows will have.

    :param required: {resource name: set of the names that it requires}
    :param traversal: the traversal to keep; None for a new one
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
        return tuple(sorted(map(ids.__getitem__, names), reverse=True))

    return migrate_plan.PlannedStack(
        id=row.id, name=row.name,
        prev_raw_template_id=row.prev_raw_template_id,
        current_template_id=row.raw_template_id,
        current_traversal=traversal or uuidutils.generate_uuid(),
        resources=tuple(
            migrate_plan.PlannedResource(ids[name], name, ids_of(names),
                                         ids_of(needed[name]))
            for name, names in sorted(
                required.items(), key=lambda item: ids[item[0]])),
        dropped=tuple(dropped))


def match(stack, resources, names):
    """Match the resource rows of a stack with the names in its template.

    :returns: {name: row}, and the empty rows, which can be deleted
    """
    members, dropped, orphans = {}, [], []
    for row in sorted(resources, key=worth):
        named = (row.name in names and row.name not in members and
                 not migrate_plan.is_deleted(row))
        # Only convergence works on other rows of a COMPLETE stack. The legacy
        # engine neither sets nor reads engine_id. In a legacy stack it is left
        # over, and a conversion clears it.
        if (row.status == 'IN_PROGRESS' and (named or stack.convergence) or
                row.engine_id and stack.convergence):
            raise migrate_exception.ResourceInProgress(
                stack=migrate_plan.label(stack), resource=row.name,
                action=row.action)
        if named:
            members[row.name] = row
        elif row.physical_resource_id and not migrate_plan.is_deleted(row):
            orphans.append(migrate_plan.resource_label(row))
        else:
            dropped.append(row)
    if orphans:
        raise migrate_exception.OrphanResources(
            stack=migrate_plan.label(stack), resources=', '.join(orphans))
    missing = sorted(name for name in names if name not in members)
    if missing:
        raise migrate_exception.MissingResources(
            stack=migrate_plan.label(stack), resources=', '.join(missing))
    return members, dropped


def worth(row):
    """Sort key of rows with the same name: the row to keep comes first.

    A crash of the legacy engine can leave two such rows. A row with a physical
    resource comes before one without, and a later row before an earlier one.
    The legacy engine itself uses the later one (resource_get_all_by_stack in
    heat.db.api).
    """
    return row.name, not row.physical_resource_id, -row.id
