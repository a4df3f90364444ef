# SPDX-License-Identifier: Apache-2.0

"""Plan the conversion of stacks that are not COMPLETE.

The backup stack of a failed legacy stack has the resources that the update
replaced and did not delete (heat.engine.update). Convergence keeps all rows
in the stack itself. Each row names the template that it was last updated to:
see heat.engine.migrate.failed_templates.
"""

import dataclasses

from oslo_utils import uuidutils

from heat.common.migrate import exception as migrate_exception
from heat.engine.migrate import check as migrate_check
from heat.engine.migrate import failed_graph
from heat.engine.migrate import failed_stack
from heat.engine.migrate import failed_templates
from heat.engine.migrate import plan as migrate_plan
from heat.engine.migrate import planning as migrate_planning

INTERRUPTED = 'The engine went down during the %s of this resource'
GIVEN_AWAY = 'Its replacement has taken over what this resource had'
NOT_COMPLETE = 'This resource was not COMPLETE when it was replaced'


def make(tree, targets, failed_before, updated, nested, templates):
    """Make the plan of a tree that heat.engine.migrate.failed_check accepts.

    :param targets: {raw template id: its fields} of the templates of the last
        updates; the fields are named as in a StackRow
    :param failed_before: ids of rows of backup stacks, see
        heat.db.migrate.failed_events.get_failed_before
    :param updated: ids of rows that the last update has updated, see
        heat.db.migrate.failed_events.get_updated
    :param nested: physical ids of nested stacks, also of deleted ones, see
        heat.db.migrate.tree.get_nested_ids
    :param templates: a heat.engine.migrate.templates.Templates
    :returns: a heat.engine.migrate.plan.Plan
    :raises MigrationRefused: when rows and templates do not fit together
    """
    members = migrate_plan.by_stack(tree.resources)
    backups_of = migrate_plan.by_owner(
        row for row in tree.stacks if row.backup)
    stacks = []
    for row in migrate_plan.to_change(tree, convergence=True):
        backups = backups_of[row.id]
        old = [member for backup in backups for member in members[backup.id]]
        if migrate_check.is_complete(row) and not old:
            stacks.append(migrate_planning.plan_stack(
                row, members[row.id], templates.requirements(row)))
        else:
            stacks.append(_plan_stack(
                row, members[row.id], old, failed_before, nested,
                failed_templates.RowTemplates(
                    row, backups, targets, updated, templates)))
    plan = migrate_planning.of_stacks(tree, tuple(stacks))
    return dataclasses.replace(
        plan, failed=tuple(
            stack for stack in stacks
            if isinstance(stack, failed_stack.FailedStack)))


def _plan_stack(row, rows, old, failed_before, nested, templates):
    """Plan one stack.

    :param rows: its resource rows
    :param old: the resource rows of its backup stacks
    :param failed_before: ids of those that had failed before
    :param nested: physical ids of nested stacks
    :param templates: a heat.engine.migrate.failed_templates.RowTemplates
    """
    main, dropped = _choose(row, rows)
    not_complete = _not_complete(old, failed_before)
    backed_up = _backed_up(old, not_complete)
    dropped += filter(migrate_plan.holds_nothing, old)
    # A delete removes the credentials of a stack last. Without rows nothing
    # needs them.
    current = templates.find(main, backed_up) if rows or old else {}
    for found in (main, backed_up):
        _drop_unnamed(row, found, current, dropped)
        _check_kinds(row, found, current, nested, templates)
    graph = failed_graph.Graph(row, main, backed_up, current, templates)
    graph.check_order()
    failed = dict(_become_failed(main, backed_up, not_complete,
                                 templates.prepared(backed_up)))
    target = templates.target
    return failed_stack.FailedStack(
        id=row.id, name=row.name, action=row.action, status=row.status,
        prev_raw_template_id=row.prev_raw_template_id,
        current_template_id=target.raw_template_id,
        merged_template_id=row.raw_template_id,
        same_template=templates.is_merged(target),
        copied_template_id=(templates.backup and
                            templates.backup.raw_template_id),
        current_traversal=uuidutils.generate_uuid(),
        resources=tuple(_resources(main, backed_up, current, graph, failed)),
        dropped=tuple(dropped),
        stored_edges=tuple(graph.edges()),
        moved=tuple(
            failed_stack.move_in_words(member, main.get(member.name))
            for member in backed_up.values()))


def _not_complete(old, failed_before):
    """Ids of the replaced resources that had failed or were never created.

    The legacy engine makes them all UPDATE_COMPLETE, and convergence would
    take them back into use. One whose events are gone counts as COMPLETE: if
    it were not taken back, a rollback would destroy what the user has.
    """
    return {row.id for row in old
            if (row.action, row.status) == ('UPDATE', 'COMPLETE') and
            (row.id in failed_before or not row.physical_resource_id)}


def _backed_up(old, not_complete):
    """Map names to the rows of backup stacks, with the status to plan with."""
    return {row.name: row._replace(status='FAILED')
            if row.id in not_complete else row
            for row in old if not migrate_plan.holds_nothing(row)}


def _choose(stack, rows):
    """Choose one row for each name; the others are dropped if they are empty.

    The next operation stores again what was never created. If its row were
    kept, a suspend would make it SUSPEND_COMPLETE. Nothing would create it.
    """
    main, dropped = {}, []
    for row in sorted(rows, key=migrate_planning.worth):
        if migrate_plan.holds_nothing(row) or (
                row.name in main and not row.physical_resource_id):
            dropped.append(row)
        elif row.name in main:
            _refuse_orphan(stack, row)
        else:
            main[row.name] = row
    return main, dropped


def _refuse_orphan(stack, row):
    raise migrate_exception.OrphanResources(
        stack=migrate_plan.label(stack),
        resources=migrate_plan.resource_label(row))


def _drop_unnamed(stack, members, current, dropped):
    """Remove the rows that no template names from {name: row}."""
    for row in list(members.values()):
        if current[row.id] is None:
            if row.physical_resource_id:
                _refuse_orphan(stack, row)
            dropped.append(members.pop(row.name))


def _check_kinds(stack, members, current, nested, templates):
    """Refuse physical resources that are not what their template says.

    The legacy engine forgets to which type the environment mapped another
    one. And a delete that fails has exchanged the physical ids of a resource
    and its replacement (Stack._delete_backup_stack in heat.engine.stack).
    Neither engine would find what is there.
    """
    for row in members.values():
        physical_id = row.physical_resource_id
        is_nested = templates.is_nested(row.name, current[row.id])
        if physical_id and is_nested is not None and (
                is_nested != (physical_id in nested)):
            raise migrate_exception.OtherType(
                stack=migrate_plan.label(stack),
                resource=migrate_plan.resource_label(row))


def _become_failed(main, backed_up, not_complete, prepared):
    """Yield the ids of rows that become FAILED, with the reason.

    :param not_complete: see _not_complete
    :param prepared: names of resources whose replacement has taken something
        from them
    """
    for row in (*main.values(), *backed_up.values()):
        if row.status == 'IN_PROGRESS':
            yield row.id, INTERRUPTED % row.action
    for row_id in not_complete:
        yield row_id, NOT_COMPLETE
    for name in main.keys() & backed_up.keys() & prepared:
        if backed_up[name].status == 'COMPLETE':
            yield backed_up[name].id, GIVEN_AWAY


def _resources(main, backed_up, current, graph, failed):
    """The values that the rows of a stack will have.

    :param failed: {row id: reason} of the rows that become FAILED
    """
    requires, needed_by = graph.requires, graph.needed_by
    for row in sorted([*main.values(), *backed_up.values()]):
        is_old = backed_up.get(row.name) is row
        other = (main if is_old else backed_up).get(row.name)
        newer = other is not None and other.id > row.id
        yield failed_stack.FailedResource(
            row.id, row.name, _descending(requires[row.id]),
            _descending(needed_by[row.id]), current[row.id].raw_template_id,
            replaces=other.id if other and not newer else None,
            # After a rollback the older row is in use.
            replaced_by=other.id if newer and is_old else None,
            status='FAILED' if row.id in failed else row.status,
            status_reason=failed.get(row.id))


def _descending(ids):
    return tuple(sorted(ids, reverse=True))
