# SPDX-License-Identifier: Apache-2.0

"""Read from events what the rows of failed stacks do not say."""

import collections

import sqlalchemy
from sqlalchemy import orm

from heat.common import exception
from heat.db import api as db_api
from heat.db.migrate import chunks as migrate_chunks
from heat.db import models

#: The actions that heat.engine.stack.Stack.update_task has.
_UPDATES = ('UPDATE', 'ROLLBACK', 'RESTORE')

#: The reason that heat.engine.resource.Resource.state_set gives by default. A
#: resource that is to be replaced gets another one with UPDATE_COMPLETE.
_NO_REASON = 'state changed'

#: The reasons of events with UPDATE_FAILED about a resource that has not
#: failed: its environment does not allow what the update would do to it.
_RESTRICTED = tuple(str(exception.ResourceActionRestricted(action=action))
                    for action in ('update', 'replace'))

_event = models.Event.__table__.c


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_failed_before(context, tree):
    """Find the resources that had failed when they were replaced.

    The legacy engine makes every resource UPDATE_COMPLETE that it moves to a
    backup stack: also one that has failed. Its last event in the stack itself
    has the state from before.

    :param tree: a heat.db.migrate.rows.Tree
    :returns: ids of resource rows of backup stacks; none of a resource whose
        events are gone
    """
    owners = {row.id: row.owner_id for row in tree.stacks if row.backup}
    replaced = collections.defaultdict(dict)
    for row in tree.resources:
        if row.stack_id in owners:
            replaced[owners[row.stack_id]][
                row.name, row.physical_resource_id] = row.id
    return {ids[key] for owner_id, ids in replaced.items()
            for key, status in _last_statuses(
                context.session, owner_id, ids).items()
            if status != 'COMPLETE'}


def _last_statuses(session, stack_id, keys):
    """Map (resource name, physical id) to the status in the last event."""
    found = {}
    for chunk in migrate_chunks.chunks(keys):
        rows = session.execute(sqlalchemy.select(
            _event.resource_name, _event.physical_resource_id,
            _event.resource_status).where(
                _event.stack_id == stack_id,
                _event.physical_resource_id.in_(
                    [physical_id for _name, physical_id in chunk]),
                sqlalchemy.func.coalesce(
                    _event.resource_status_reason, '').not_in(_RESTRICTED)
            ).order_by(_event.id))
        found.update(((name, physical_id), status)
                     for name, physical_id, status in rows
                     if (name, physical_id) in keys)
    return found


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_updated(context, tree):
    """Find the resources that the last update of their stack has updated.

    The legacy engine writes UPDATE_COMPLETE to a row first, and the new
    definition to the template of the stack later. If it dies in between,
    only the events tell that the resource has the new one.

    :param tree: a heat.db.migrate.rows.Tree
    :returns: ids of resource rows; none of a stack whose events are gone
    """
    # PostgreSQL reads the events of all stacks to find those of one.
    updated = {row.stack_id for row in tree.resources
               if (row.action, row.status) == ('UPDATE', 'COMPLETE')}
    return {row_id for stack in tree.stacks
            if stack.status == 'FAILED' and stack.action in _UPDATES and
            stack.id in updated
            for row_id in context.session.scalars(_select_updated(stack.id))}


def _select_updated(stack_id):
    resource, event = models.Resource, models.Event
    start = orm.aliased(event)
    begun = sqlalchemy.select(sqlalchemy.func.max(start.id)).where(
        start.stack_id == stack_id, start.physical_resource_id == stack_id,
        start.resource_status == 'IN_PROGRESS')
    names = sqlalchemy.select(event.resource_name).where(
        event.stack_id == stack_id, event.id > begun.scalar_subquery(),
        event.resource_action == 'UPDATE',
        event.resource_status == 'IN_PROGRESS')
    return sqlalchemy.select(resource.id).where(
        resource.stack_id == stack_id, resource.action == 'UPDATE',
        resource.status == 'COMPLETE', resource.status_reason == _NO_REASON,
        resource.name.in_(names))
