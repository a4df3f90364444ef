# SPDX-License-Identifier: Apache-2.0

"""Read which resources the last update of a failed stack has updated."""

import sqlalchemy
from sqlalchemy import orm

from heat.db import api as db_api
from heat.db import models

#: The actions of heat.engine.stack.Stack.update_task, of a stack.
_ACTIONS = ('UPDATE', 'ROLLBACK', 'RESTORE')

#: The reason of heat.engine.resource.Resource.state_set for what ended well.
_WELL = 'state changed'


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get(context, tree):
    """Find the resources that the last update of their stack has updated.

    The legacy engine writes UPDATE_COMPLETE to a row first, and the new
    definition to the template of the stack later. If it dies in between,
    only the events tell that the resource has the new one.

    :param tree: a heat.db.migrate.rows.Tree
    :returns: ids of resource rows; none of a stack whose events are gone
    """
    # PostgreSQL reads the events of all stacks to find those of one.
    owners = {row.stack_id for row in tree.resources
              if (row.action, row.status) == ('UPDATE', 'COMPLETE')}
    return {row_id for stack in tree.stacks
            if stack.status == 'FAILED' and stack.action in _ACTIONS and
            stack.id in owners
            for row_id in context.session.scalars(_select(stack.id))}


def _select(stack_id):
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
        resource.status == 'COMPLETE', resource.status_reason == _WELL,
        resource.name.in_(names))
