# SPDX-License-Identifier: Apache-2.0

"""Write the conversion of a stack tree, either way, in one transaction."""

from oslo_db import exception as db_exception
from oslo_utils import uuidutils
import sqlalchemy

from heat.common.migrate import deadline as migrate_deadline
from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db.migrate import by_key
from heat.db.migrate import chunks as migrate_chunks
from heat.db.migrate import clean_up
from heat.db.migrate import exactly
from heat.db.migrate import fill as migrate_fill
from heat.db.migrate import limits as migrate_limits
from heat.db.migrate import retry as migrate_retry
from heat.db.migrate import tree as migrate_tree
from heat.db.migrate import write_failed
from heat.db.migrate import write_rows
from heat.db import models


def write(context, plans, engine_id, events):
    """Write the planned stacks, all of them or none.

    The transaction inserts and deletes the stack locks of the whole trees. So
    no legacy operation of any engine can begin meanwhile, and a crash leaves
    no lock behind. Under the locks the trees are read again. They must equal
    the trees that the plans were made from.

    Only the whole transaction is retried. No function that is called in here
    may retry by itself: after a deadlock the database has already rolled back
    the statements before.

    :param plans: each a heat.engine.migrate.plan.Plan of another tree, all of
        them to convergence or all back
    :param engine_id: the holder of the locks
    :param events: values of the stack events that the conversions leave
    :raises Locked: when an operation holds the lock of one of the stacks
    :raises TreeChanged: when a stack is not as its plan assumed
    :raises OutOfTime: when the deadline of the context passes; nothing is
        written then
    """
    events = [_with_id(event) for event in events]

    def once(session):
        _write(session, plans, engine_id, events)
        return plans[0], events[0]

    _call(context, plans[0].label, once)


def plan_and_write(context, stack_id, make, engine_id):
    """Lock a stack, plan it from its rows, and write the plan.

    It is one transaction, which reads the stack once. :func:`write` reads a
    tree again, because its plan was made while the tree was not locked.

    :param make: called with the heat.db.migrate.rows.Tree, it gives a plan and
        the values of its event; without the values nothing is written
    :returns: the plan, and what was read, as tree.get_with_locks has it; both
        are None when the stack is locked or there is none
    """
    def once(session):
        found = _lock_and_read(session, stack_id, engine_id)
        if found is None:
            return None, None, None
        plan, event = make(found[0])
        if event is None:
            return plan, None, found
        event = _with_id(event)
        _write_locked(session, [plan], engine_id, [event])
        return plan, event, found

    plan, _event, found = _call(context, stack_id, once)
    return plan, found


def _lock_and_read(session, stack_id, engine_id):
    """Lock a stack and read its tree, and the locks of the stacks below it.

    :returns: None when the stack is locked or there is none
    """
    try:
        _insert_locks(session, [stack_id], engine_id)
    except (db_exception.DBDuplicateEntry, db_exception.DBReferenceError):
        return None
    trees, locks = migrate_tree.read_many(session, [stack_id])
    if stack_id not in trees:
        return None
    locks.pop(stack_id)
    return trees[stack_id], locks


def _with_id(event):
    # is_written() finds the event of a committed transaction by this id.
    return dict(event, uuid=uuidutils.generate_uuid())


def _call(context, label, function):
    """Call a function with a session until its transaction is committed.

    :param label: the stack in words
    :param function: it writes, and returns a tuple that begins with a plan and
        its event; without the event all is rolled back
    :returns: what it returns
    """
    deadline = migrate_deadline.of(context)
    return migrate_retry.call(
        lambda: _call_once(context, label, deadline, function), deadline,
        label)


def _call_once(context, label, deadline, function):
    committing = False
    try:
        with db_api.context_manager.writer.using(context) as session:
            with migrate_limits.within(session, deadline, label) as limited:
                done = function(limited)
            if done[1] is None:
                session.rollback()
            deadline.check(label)
            committing = done[1] is not None
    except migrate_exception.DATABASE_ERRORS:
        # The answer to a COMMIT may be lost.
        if not (committing and is_written(context, *done[:2])):
            raise
    return done


@db_api.retry_on_db_error
@db_api.context_manager.writer
def is_written(context, plan, event):
    """Whether the transaction with this event has been committed.

    Reading the stack with a lock waits until the server has committed or
    rolled back a transaction that has lost its client.

    :param event: the values of the event, with its uuid
    """
    context.session.execute(sqlalchemy.select(models.Stack.id).where(
        models.Stack.id == plan.stack_id).with_for_update())
    return context.session.scalar(sqlalchemy.select(models.Event.id).where(
        models.Event.uuid == event['uuid'])) is not None


def _write(session, plans, engine_id, events):
    _lock(session, plans, engine_id)
    _check_unchanged(session, plans)
    _write_locked(session, plans, engine_id, events)


def _write_locked(session, plans, engine_id, events):
    write_rows.write_stacks(session, plans)
    write_rows.write_resources(session, plans)
    for plan in plans:
        migrate_fill.write(session, plan)
        if plan.failed:
            write_failed.write(session, plan.failed)
    stacks = [stack for plan in plans for stack in plan.stacks]
    clean_up.delete_resources(session, [
        row.id for stack in stacks for row in stack.dropped])
    clean_up.delete_backup_stacks(session, plans)
    clean_up.mend_snapshots(session, plans)
    clean_up.delete_raw_templates(session, {
        template_id for stack in stacks
        for template_id in stack.left_template_ids if template_id})
    session.execute(sqlalchemy.insert(models.Event.__table__), events)
    _unlock(session, plans, engine_id)


def _check_unchanged(session, plans):
    trees, _locks = migrate_tree.read_many(
        session, [plan.stack_id for plan in plans])
    for plan in plans:
        if trees.get(plan.stack_id) != plan.tree:
            raise migrate_exception.TreeChanged(stack=plan.label)


def _stack_ids(plans):
    """Ids of all stacks of the trees, in the same order for all writers."""
    return sorted(row.id for plan in plans for row in plan.tree.stacks)


def _lock(session, plans, engine_id):
    _give_up_dead_locks(session, plans)
    try:
        _insert_locks(session, _stack_ids(plans), engine_id)
    except db_exception.DBDuplicateEntry:
        raise migrate_exception.LockedMeanwhile(stack=exactly.label(plans))
    except db_exception.DBReferenceError:
        # One was deleted and purged. Without foreign keys, the next reading
        # finds that.
        raise migrate_exception.TreeChanged(stack=exactly.label(plans))


def _insert_locks(session, stack_ids, engine_id):
    locks = [{'stack_id': stack_id, 'engine_id': engine_id}
             for stack_id in stack_ids]
    for chunk in migrate_chunks.chunks(locks):
        session.execute(sqlalchemy.insert(models.StackLock.__table__), chunk)


def _give_up_dead_locks(session, plans):
    """Delete the locks of dead engines, unless other engines have them now."""
    lock = models.StackLock.__table__
    for plan in plans:
        for stack_id, dead_id in plan.dead_locks:
            exactly.execute(session, 1, [plan], by_key.delete(lock).where(
                lock.c.stack_id == stack_id, lock.c.engine_id == dead_id))


def _unlock(session, plans, engine_id):
    lock = models.StackLock.__table__
    for chunk in migrate_chunks.chunks(_stack_ids(plans)):
        exactly.execute(session, len(chunk), plans, by_key.delete(lock).where(
            lock.c.stack_id.in_(chunk), lock.c.engine_id == engine_id))
