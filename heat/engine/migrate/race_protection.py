# SPDX-License-Identifier: Apache-2.0

"""Refuse operations on a stack that was converted after they loaded it.

Each function here wraps one of Heat's. Most legacy operations are refused
where they take their lock, in :class:`heat.engine.stack_lock.StackLock`. Two
cannot be refused there: a delete, and storing the whole row of a stack without
a lock. Before Heat 26 convergence stacks take that lock too, so operations for
legacy stacks only are refused here.

Convergence operations are refused where they begin their traversal, in
:class:`heat.engine.stack.Stack`. Those that take the stack lock instead, and a
cancel, are refused here. Messages to workers that a revert overtakes are
ignored here.
"""

import functools

from oslo_log import log as logging

from heat.common import exception
from heat.common.migrate import options as migrate_options
from heat.db.migrate import lost_race as migrate_lost_race
from heat.engine.migrate import events as migrate_events
from heat.engine import stack_lock
from heat.objects import snapshot as snapshot_object
from heat import overlay
from heat.rpc import client as rpc_client

LOG = logging.getLogger(__name__)

# How often the delete of a stack is requested, if conversions and reverts keep
# overtaking it.
_DELETES = 3


def operation(start_with_acquired_lock):
    """Keep a legacy operation from running on a converted stack.

    Only a delete tries for its lock without StackLock.acquire. From Heat 26
    on, StackLock.acquire refuses every other operation.
    """
    @functools.wraps(start_with_acquired_lock)
    def start(self, stack, lock, func, *args, **kwargs):
        if func == stack.delete and lock.converted_stack() is not None:
            if 'notify' in kwargs:
                # The request is waiting; StackLock.try_thread_lock releases.
                raise lock.lost_race(stack.name)
            lock.release()
            return _delete_again(lock.context, stack)
        if _is_for_legacy_only(stack, func):
            lock.refuse_converted()
        if (migrate_options.protects() and stack.convergence and
                lock.reverted_stack()):
            lock.release()
            _forget_snapshot(func, *args)
            raise lock.lost_race(stack.name)
        return start_with_acquired_lock(self, stack, lock, func,
                                        *args, **kwargs)
    return start


def _is_for_legacy_only(stack, func):
    """Whether to refuse it here; from Heat 26 on StackLock refuses it."""
    if overlay.release().converged_actions:
        return False
    return (func == stack.reset_stack_and_resources_in_progress or
            not stack.convergence and func in (stack.update, stack.restore))


def _forget_snapshot(func, *args):
    """Delete the row of a snapshot that will not be taken, before Heat 26.

    EngineService.stack_snapshot makes it under the lock.
    """
    if func.__name__ == '_stack_snapshot':
        stack, snapshot = args
        snapshot_object.Snapshot.delete(stack.context, snapshot.id)


def cancel(stop_traversal):
    """Leave an event when a cancel finds nothing to stop.

    Heat cancels in a thread, after it has answered.
    """
    @functools.wraps(stop_traversal)
    def stop(self, stack):
        try:
            # If it is too late, Heat's own warning cannot be formatted.
            stop_traversal(self, stack)
        finally:
            # A stopped operation leaves the stack FAILED.
            if stack.status == stack.IN_PROGRESS and stack.is_idle():
                stack.record_dropped('The cancel')
    return stop


def message(retrigger_replaced):
    """Ignore, with one log line, a message to a worker after a revert.

    Heat reads the graph of the stack, which a legacy stack does not have.
    """
    @functools.wraps(retrigger_replaced)
    def retrigger(self, is_update, rsrc, stack, check_resource):
        if stack.convergence:
            retrigger_replaced(self, is_update, rsrc, stack, check_resource)
            return
        LOG.info('Ignored a message about resource %(resource)s of stack '
                 '%(stack)s: the stack was reverted after it was sent',
                 {'resource': rsrc.id, 'stack': stack.id})
    return retrigger


def lost_to_revert(context, stack_id, error):
    """Whether an update was refused because the stack is legacy again."""
    return (isinstance(error, exception.ActionInProgress) and
            error.kwargs.get('action') == migrate_events.ACTION and
            stack_lock.StackLock(context, stack_id,
                                 None).reverted_stack())


def last_delete(start_with_lock):
    """Refuse a legacy delete that gets its lock after it has waited."""
    @functools.wraps(start_with_lock)
    def start(self, cnxt, stack, engine_id, func, *args, **kwargs):
        try:
            return start_with_lock(self, cnxt, stack, engine_id, func,
                                   *args, **kwargs)
        except exception.ActionInProgress:
            lock = stack_lock.StackLock(cnxt, stack.id, engine_id)
            if func != stack.delete or lock.converted_stack() is None:
                raise
            return _delete_again(cnxt, stack)
    return start


def _delete_again(context, stack):
    """Have any engine delete a stack that has become convergence.

    Heat waits in a thread for the operation that a delete has to stop. It has
    already answered the user that the stack is being deleted. So an event is
    left if the stack cannot be deleted.
    """
    LOG.info('Stack %s was converted while its delete waited', stack.id)
    client = rpc_client.EngineClient()
    error = None
    for _ in range(_DELETES):
        try:
            client.delete_stack(context, dict(stack.identifier()),
                                cast=False)
            return
        except exception.ActionInProgress:
            # A revert came first.
            continue
        except (exception.EntityNotFound, exception.NotFound):
            # Another request has deleted it.
            return
        except Exception as exc:
            error = type(exc).__name__
            break
    # Not within the except, where oslo.log adds the error to what is logged.
    if error:
        stack.record_lost('The delete', 'no engine has confirmed it (%s)'
                          % error)
    else:
        stack.record_dropped('The delete')


def store(update_by_id):
    """Keep a converted stack from being stored as the legacy stack it was.

    With reauthentication_auth_method = trusts, Heat stores new credentials
    while it loads a stack for an update. It then stores all other columns too,
    without the lock.
    """
    @functools.wraps(update_by_id)
    def update(cls, context, stack_id, values):
        if (migrate_options.protects() and
                values.get('convergence', True) in (None, False)):
            return migrate_lost_race.store_legacy(context, stack_id, values)
        return update_by_id(cls, context, stack_id, values)
    return update
