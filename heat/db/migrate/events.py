# SPDX-License-Identifier: Apache-2.0

"""The events of conversions, in the database."""

import sqlalchemy

from heat.common.migrate import deadline as migrate_deadline
from heat.common.migrate import text as migrate_text
from heat.db import api as db_api
from heat.db.migrate import by_key
from heat.db.migrate import limits as migrate_limits
from heat.db.migrate import retry as migrate_retry
from heat.db.migrate import tree as migrate_tree
from heat.db import models

#: Seconds to wait for the row of a stack. The lock that stopped the conversion
#: may still be held, and an update or a command waits for this.
WAIT = 5


def add(context, values, only_news):
    """Store an event of a stack, unless the stack is deleted.

    :param values: {column: value} of the event
    :param only_news: leave it out when the last event of the stack with that
        action has the same reason
    :returns: whether it was stored
    :raises OutOfTime: when the row of the stack stays locked
    """
    return _in_time(context, values['stack_id'],
                    lambda session: _add(session, values, only_news))


def _in_time(context, label, function):
    """Call a function with the session of a transaction that ends in time.

    :param label: the stacks in words
    :raises OutOfTime: when it waits for a row for more than WAIT seconds
    """
    deadline = migrate_deadline.Deadline(WAIT)

    def once():
        with db_api.context_manager.writer.using(context) as session:
            with migrate_limits.within(session, deadline, label) as limited:
                return function(limited)

    return migrate_retry.call(once, deadline, label)


def _add(session, values, only_news):
    # A delete that is about to end waits for this lock, or this waits for it.
    if session.scalar(sqlalchemy.select(models.Stack.id).where(
            models.Stack.id == values['stack_id'],
            models.Stack.deleted_at.is_(None)).with_for_update()) is None:
        return False
    if only_news and _is_known(session, values):
        return False
    session.add(models.Event(**values))
    return True


def _is_known(session, values):
    """Whether the last event with the action has the status and reason."""
    event = models.Event
    row = session.execute(
        sqlalchemy.select(event.resource_status, event._resource_status_reason)
        .where(event.stack_id == values['stack_id'],
               event.resource_action == values['resource_action'])
        .order_by(event.id.desc()).limit(1)).first()
    return row is not None and row[0] == values['resource_status'] and (
        migrate_text.same_reason(row[1], values['resource_status_reason']))


def written_since(context, action, reason, stack_ids, since):
    """Find the stacks that have an event of a COMPLETE action since a time.

    Reading the stacks with locks waits until the server has committed or
    rolled back a transaction that has lost its client.

    :param action: of the event
    :param reason: of the event, as a pattern of SQL's LIKE
    :param since: the time in UTC; databases keep seconds only
    :returns: {stack id: (how many nested stacks, how many resources)}
    :raises OutOfTime: when the rows of the stacks stay locked
    """
    return _in_time(
        context, ', '.join(stack_ids),
        lambda session: _written_since(session, action, reason, stack_ids,
                                       since))


def _written_since(session, action, reason, stack_ids, since):
    event = models.Event.__table__.c
    stack = models.Stack.__table__
    session.execute(by_key.select_for_update(stack).where(
        stack.c.id.in_(stack_ids))).all()
    written = session.scalars(sqlalchemy.select(event.stack_id).where(
        event.stack_id.in_(stack_ids), event.resource_action == action,
        event.resource_status == 'COMPLETE',
        event.resource_status_reason.like(reason),
        event.created_at >= since.replace(microsecond=0))).all()
    return {stack_id: tree.size for stack_id, tree in migrate_tree.read_many(
        session, sorted(set(written)))[0].items()}
