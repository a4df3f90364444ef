# SPDX-License-Identifier: Apache-2.0

"""Write the conversion of a stack tree, either way, in one transaction."""

import json

from oslo_db import exception as db_exception
from oslo_utils import timeutils
from oslo_utils import uuidutils
import sqlalchemy

from heat.common.migrate import deadline as migrate_deadline
from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db.migrate import chunks as migrate_chunks
from heat.db.migrate import fill as migrate_fill
from heat.db.migrate import limits as migrate_limits
from heat.db.migrate import retry as migrate_retry
from heat.db.migrate import tree as migrate_tree
from heat.db.migrate import write_failed
from heat.db import models
from heat import overlay

# The status reason of a snapshot that no engine will complete.
INTERRUPTED = 'The engine went down while it took the snapshot'


def write(context, plan, engine_id, event):
    """Convert the planned stacks, all of them or none.

    The stack locks of the whole tree are inserted and deleted within the
    transaction. So no legacy operation of any engine can begin meanwhile, and
    a crash leaves no lock behind. Under the locks the tree is read again. It
    must equal the tree that the plan was made from.

    Only the whole transaction is retried. No function that is called in here
    may retry by itself: after a deadlock the database has already rolled back
    the statements before.

    :param plan: a heat.engine.convergence_migrate.Plan
    :param engine_id: the holder of the locks
    :param event: values of the stack event that the conversion leaves
    :raises Locked: when an operation holds the lock of one of the stacks
    :raises TreeChanged: when a stack is not as the plan assumed
    :raises OutOfTime: when the deadline of the context passes; nothing is
        written then
    """
    # With this id is_written() finds the event of a committed transaction.
    event = dict(event, uuid=uuidutils.generate_uuid())
    deadline = migrate_deadline.of(context)
    migrate_retry.call(
        lambda: _write_once(context, plan, engine_id, event, deadline),
        deadline, plan.label)


def _write_once(context, plan, engine_id, event, deadline):
    committing = False
    try:
        with db_api.context_manager.writer.using(context) as session:
            with migrate_limits.within(session, deadline,
                                       plan.label) as limited:
                _write(limited, plan, engine_id, event)
            deadline.check(plan.label)
            committing = True
    except (db_exception.DBError, sqlalchemy.exc.SQLAlchemyError):
        # The answer to a COMMIT may be lost on its way back.
        if not (committing and is_written(context, plan, event)):
            raise


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


def _write(session, plan, engine_id, event):
    _lock(session, plan, engine_id)
    if migrate_tree.read(session, plan.stack_id) != plan.tree:
        raise migrate_exception.TreeChanged(stack=plan.label)
    _write_stacks(session, plan)
    _write_resources(session, plan)
    migrate_fill.write(session, plan)
    if plan.failed:
        write_failed.write(session, plan.failed)
    _delete_resources(session, [row.id for stack in plan.stacks
                                for row in stack.dropped])
    _delete_backup_stacks(session, plan)
    _mend_snapshots(session, plan)
    _delete_raw_templates(session, {
        template_id for stack in plan.stacks
        for template_id in stack.left_template_ids if template_id})
    session.add(models.Event(**event))
    _unlock(session, plan, engine_id)


@db_api.retry_on_db_error
@db_api.context_manager.writer
def store_legacy(context, stack_id, values):
    """Store the row of a legacy stack; of a converted one, its credentials.

    The credentials that a converted stack had are deleted by now.

    :param values: all columns of the row, as the stack was loaded
    :returns: whether the row was there
    """
    converted = context.session.scalar(
        sqlalchemy.select(models.Stack.convergence)
        .where(models.Stack.id == stack_id).with_for_update())
    if converted:
        values = {'user_creds_id': values['user_creds_id']}
    # Without the retry that Heat has around it; see write().
    return db_api.stack_update.__wrapped__(context, stack_id, values)


def _lock(session, plan, engine_id):
    locks = [{'stack_id': stack_id, 'engine_id': engine_id}
             for stack_id in sorted(row.id for row in plan.tree.stacks)]
    _give_up_dead_locks(session, plan)
    try:
        for chunk in migrate_chunks.chunks(locks):
            session.execute(sqlalchemy.insert(models.StackLock), chunk)
    except db_exception.DBDuplicateEntry:
        raise migrate_exception.LockedMeanwhile(stack=plan.label)


def _give_up_dead_locks(session, plan):
    """Delete the locks of dead engines, unless other engines have them now."""
    lock = models.StackLock
    for stack_id, dead_id in plan.dead_locks:
        _execute_on(session, 1, plan, sqlalchemy.delete(lock).where(
            lock.stack_id == stack_id, lock.engine_id == dead_id))


def _unlock(session, plan, engine_id):
    for chunk in migrate_chunks.chunks([row.id for row in plan.tree.stacks]):
        _execute_on(session, len(chunk), plan, sqlalchemy.delete(
            models.StackLock).where(
                models.StackLock.stack_id.in_(chunk),
                models.StackLock.engine_id == engine_id))


def _execute_on(session, rows, plan, statement, **options):
    """Execute a statement that must change exactly this number of rows."""
    result = session.execute(
        statement, execution_options={'synchronize_session': False} | options)
    if result.rowcount != rows:
        raise migrate_exception.TreeChanged(stack=plan.label)


def _execute_once(session, rows, plan, statement):
    """The same, for a statement whose text is unique to the plan.

    SQLAlchemy would cache the last 500 of them, of a megabyte each.
    """
    _execute_on(session, rows, plan, statement, compiled_cache=None)


def _by_id(model, values, kind):
    """A CASE that gives each row, by its id, the value meant for it."""
    return sqlalchemy.case(
        {key: sqlalchemy.literal(value, kind)
         for key, value in values.items()}, value=model.id)


def _write_stacks(session, plan):
    """Write the stacks, if each still has the traversal of the plan.

    A convergence operation takes no stack lock: it begins by storing a
    traversal of its own, if the row still has the one that it has read
    (heat.db.api.stack_update).
    """
    for status in sorted({planned.status for planned in plan.stacks}):
        _write_stacks_of(session, plan, status)


def _write_stacks_of(session, plan, status):
    stack = models.Stack
    before = {row.id: row.current_traversal or '' for row in plan.tree.stacks}
    # The graph as text, because its size in the statement is limited.
    graphs = ((planned, json.dumps(planned.current_deps))
              for planned in plan.stacks if planned.status == status)
    for chunk in migrate_chunks.chunks(graphs, _size_of_stack):
        traversal = _by_id(stack, {planned.id: before[planned.id]
                                   for planned, _ in chunk},
                           stack.current_traversal.type)
        values = {
            stack.convergence: plan.convergence,
            stack.prev_raw_template_id: None,
            stack.current_traversal: _by_id(
                stack, {planned.id: planned.current_traversal
                        for planned, _ in chunk},
                stack.current_traversal.type),
            stack.current_deps: _by_id(
                stack, {planned.id: graph for planned, graph in chunk},
                sqlalchemy.Text()),
        }
        _execute_once(session, len(chunk), plan, sqlalchemy.update(
            stack).where(
                stack.id.in_([planned.id for planned, _ in chunk]),
                stack.status == status,
                sqlalchemy.func.coalesce(stack.current_traversal, '')
                == traversal).values(values))


def _size_of_stack(item):
    # Three ids and two traversals go with it.
    return len(item[1]) + 500


def _write_resources(session, plan):
    resource = models.Resource
    rows = [(planned, row) for planned in plan.stacks
            for row in planned.resources]
    for chunk in migrate_chunks.chunks(rows, _size_of_resource,
                                       migrate_chunks.RESOURCES):
        values = {
            # PostgreSQL takes a CASE of nothing but NULLs for text.
            resource.current_template_id: sqlalchemy.cast(sqlalchemy.case(
                {planned.id: planned.current_template_id
                 for planned, _ in chunk}, value=resource.stack_id),
                sqlalchemy.Integer),
            resource.requires: _lists_by_id(
                (row.id, row.requires) for _, row in chunk),
            resource.needed_by: _lists_by_id(
                (row.id, row.needed_by) for _, row in chunk),
            resource.root_stack_id: plan.stack_id,
            resource.engine_id: None,
        }
        met = [resource.id.in_([row.id for _, row in chunk])]
        if not plan.convergence:
            # An engine locks a resource of a convergence stack with these
            # (Resource.lock). If it loaded the row before, that must fail.
            met.append(resource.engine_id.is_(None))
            values[resource.atomic_key] = sqlalchemy.func.coalesce(
                resource.atomic_key, 0) + 1
        _execute_once(session, len(chunk), plan, sqlalchemy.update(
            resource).where(*met).values(values))


def _size_of_resource(item):
    # An id has some ten digits, and stands three times by itself.
    row = item[1]
    return 100 + 12 * (len(row.requires) + len(row.needed_by))


def _lists_by_id(lists):
    """A CASE that gives each resource row, by its id, a list of ids.

    It is text in which every variable part is an integer. With a bound
    parameter for each, compiling the statement would take longer than running
    it.
    """
    return sqlalchemy.literal_column('CASE resource.id %s END' % ' '.join(
        "WHEN %d THEN '[%s]'" % (key, ', '.join('%d' % item for item in ids))
        for key, ids in lists))


def _delete_backup_stacks(session, plan):
    """Soft-delete backup stacks, as the legacy engine does after an update."""
    for chunk in migrate_chunks.chunks(plan.empty_backups):
        _execute_on(session, len(chunk), plan, sqlalchemy.update(
            models.Stack).where(models.Stack.id.in_(chunk)).values({
                models.Stack.deleted_at: timeutils.utcnow()}))


def _mend_snapshots(session, plan):
    snapshot = models.Snapshot
    for chunk in migrate_chunks.chunks(
            [row.id for row in plan.snapshots if row.without_data]):
        _execute_on(session, len(chunk), plan, sqlalchemy.update(
            snapshot).where(snapshot.id.in_(chunk)).values({
                snapshot.data: {'resources': {}}}))
    for chunk in migrate_chunks.chunks(
            [row.id for row in plan.snapshots if row.interrupted]):
        values = {snapshot.status: 'FAILED',
                  snapshot.status_reason: INTERRUPTED}
        if overlay.release().converged_actions:
            values[snapshot.action] = 'CREATE'
        _execute_on(session, len(chunk), plan, sqlalchemy.update(
            snapshot).where(snapshot.id.in_(chunk)).values(values))


def _delete_resources(session, resource_ids):
    resource = models.Resource
    for chunk in migrate_chunks.chunks(resource_ids):
        attributes = session.scalars(sqlalchemy.select(
            resource.attr_data_id).where(
                resource.id.in_(chunk),
                resource.attr_data_id.is_not(None))).all()
        session.execute(sqlalchemy.delete(models.ResourceData).where(
            models.ResourceData.resource_id.in_(chunk)))
        session.execute(sqlalchemy.delete(resource).where(
            resource.id.in_(chunk)))
        session.execute(sqlalchemy.delete(
            models.ResourcePropertiesData).where(
                models.ResourcePropertiesData.id.in_(attributes)))


def _delete_raw_templates(session, template_ids):
    """Delete those raw templates, with their files, that nothing uses."""
    for chunk in migrate_chunks.chunks(sorted(template_ids)):
        _delete_unused(session, set(chunk))


def _delete_unused(session, template_ids):
    used = session.scalars(sqlalchemy.union(
        *(sqlalchemy.select(column).where(column.in_(template_ids))
          for column in (models.Stack.raw_template_id,
                         models.Stack.prev_raw_template_id,
                         models.Resource.current_template_id))))
    unused = template_ids.difference(used)
    if not unused:
        return
    template = models.RawTemplate
    files = set(session.scalars(sqlalchemy.select(template.files_id).where(
        template.id.in_(unused), template.files_id.is_not(None))))
    session.execute(sqlalchemy.delete(template).where(
        template.id.in_(unused)))
    files.difference_update(session.scalars(sqlalchemy.select(
        template.files_id).where(template.files_id.in_(files))))
    session.execute(sqlalchemy.delete(models.RawTemplateFiles).where(
        models.RawTemplateFiles.id.in_(files)))
