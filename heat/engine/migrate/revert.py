# SPDX-License-Identifier: Apache-2.0

"""The plan that makes a convergence stack legacy again."""

from heat.common.migrate import exception as migrate_exception
from heat.engine.migrate import plan as migrate_plan
from heat.engine.migrate import planning as migrate_planning
from heat.engine.migrate import snapshots as migrate_snapshots


def make(tree, requirements):
    """Make the plan of a tree that heat.engine.migrate.check accepts.

    The rows become what the legacy engine stores. It keeps no graph, no
    traversal and no template of each resource. It has one row for each
    resource of the template.

    :param requirements: as for heat.engine.migrate.planning.make
    :returns: the heat.engine.migrate.plan.Plan
    :raises MigrationRefused: when the legacy engine could not run it
    """
    resources = migrate_plan.by_stack(tree.resources)
    rows = migrate_plan.to_change(tree, convergence=False)
    migrate_snapshots.refuse_native(migrate_plan.label(tree.root),
                                    migrate_plan.snapshots_of(tree, rows))
    stacks = tuple(_plan_stack(row, resources[row.id], requirements(row))
                   for row in rows)
    return migrate_plan.Plan(
        stack_id=tree.root.id, label=migrate_plan.label(tree.root),
        convergence=False, stacks=stacks, tree=tree)


def _plan_stack(stack, rows, names):
    for row in rows:
        if row.replaces is not None or row.replaced_by is not None:
            raise migrate_exception.ReplacedResource(
                stack=migrate_plan.label(stack), resource=row.name)
    members, dropped = migrate_planning.match(stack, rows, names)
    return migrate_plan.PlannedStack(
        id=stack.id, name=stack.name, current_template_id=None,
        prev_raw_template_id=stack.prev_raw_template_id,
        current_traversal=None, resources=tuple(
            migrate_plan.PlannedResource(row.id, row.name, (), ())
            for row in members.values()), dropped=tuple(dropped))
