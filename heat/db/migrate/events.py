# SPDX-License-Identifier: Apache-2.0

"""Store the event that says why a stack was left unchanged."""

import sqlalchemy

from heat.db import api as db_api
from heat.db import models


@db_api.retry_on_db_error
@db_api.context_manager.writer
def add(context, values, only_news):
    """Store an event of a stack, unless the stack is deleted.

    :param values: {column: value} of the event
    :param only_news: leave it out when the last event of the stack with that
        action says the same
    :returns: whether it was stored
    """
    session = context.session
    # A delete that ends meanwhile waits for this, or this for it.
    if session.scalar(sqlalchemy.select(models.Stack.id).where(
            models.Stack.id == values['stack_id'],
            models.Stack.deleted_at.is_(None)).with_for_update()) is None:
        return False
    if only_news and _last(session, values) == (
            values['resource_status'], values['resource_status_reason']):
        return False
    session.add(models.Event(**values))
    return True


def _last(session, values):
    event = models.Event
    row = session.execute(
        sqlalchemy.select(event.resource_status, event._resource_status_reason)
        .where(event.stack_id == values['stack_id'],
               event.resource_action == values['resource_action'])
        .order_by(event.id.desc()).limit(1)).first()
    return row and tuple(row)
