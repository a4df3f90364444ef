# SPDX-License-Identifier: Apache-2.0

"""Do something to one stack; whatever goes wrong becomes its outcome."""

from oslo_db import exception as db_exception
from oslo_log import log as logging
from oslo_utils import timeutils

from heat.cmd.migrate import errors
from heat.cmd.migrate import outcome as outcomes
from heat.common import context as heat_context
from heat.common.migrate import exception as migrate_exception
from heat.engine.migrate import events as migrate_events

LOG = logging.getLogger(__name__)

_UNEXPECTED = ('Stack %s is unchanged: its conversion ended with an '
               'unexpected %s. See the log.')


def act(action, stack):
    """Do something to one stack; nothing that goes wrong gets out.

    :param action: an :class:`Action`
    :param stack: the heat.db.migrate.counts.RootStack
    :returns: the :class:`Outcome`
    """
    # A context of its own for each stack: it keeps what it has loaded.
    context = heat_context.get_admin_context()
    error = None
    watch = timeutils.StopWatch()
    with watch:
        try:
            plan = action.run(context, stack.id)
        except Exception as exc:
            error = exc
    # Not within the except: oslo.log adds the exception that is handled to
    # what is logged meanwhile.
    if error is not None:
        return _undone(context, action, stack, error, watch)
    return outcomes.Outcome(
        stack.id, stack.name, stack.tenant,
        action.nothing if plan.nothing_to_do else action.outcome, None,
        _message(action, plan), plan.nested, plan.resources,
        round(watch.elapsed(), 3),
        () if plan.nothing_to_do else tuple(plan.warnings))


def _message(action, plan):
    """What the operator should read of a plan: all of it before it is done."""
    if plan.nothing_to_do:
        return None
    if action.outcome == outcomes.PLANNED:
        return str(plan)
    return ' '.join(plan.warnings) or None


def _undone(context, action, stack, exc, watch):
    text = errors.one_line(exc)
    if outcomes.is_gone(stack, exc):
        return outcomes.gone(stack, watch.elapsed())
    if isinstance(exc, migrate_exception.RowsDiffer):
        outcome, code = outcomes.DAMAGED, exc.code
    elif isinstance(exc, migrate_exception.MigrationRefused):
        outcome, code = outcomes.REFUSED, exc.code
    elif isinstance(exc, db_exception.DBError):
        outcome, code = outcomes.FAILED, outcomes.DATABASE
    else:
        LOG.exception('Migrating stack %s failed', stack.id, exc_info=exc)
        outcome, code = outcomes.FAILED, outcomes.ERROR
        text = _UNEXPECTED % (stack.id, type(exc).__name__)
    if action.outcome != outcomes.PLANNED and not _is_passing(exc):
        _tell(context, stack, exc)
    return outcomes.failure(stack, outcome, code, text, watch.elapsed())


def _is_passing(exc):
    """Whether this is nothing that the owner of a stack should read.

    There may be no such root stack; and that an operation is in progress is
    no news to the one who runs it.
    """
    return getattr(exc, 'transient', False) or isinstance(
        exc, (migrate_exception.StackNotFound, migrate_exception.NestedStack,
              migrate_exception.StillLegacy))


def _tell(context, stack, exc):
    """Log, notify and leave a stack event that says why.

    Users read the event: of what is not a reason of ours, its type will do.
    An error of the database quotes the statement. The event is left only
    once for as long as the reason is the same.
    """
    if not isinstance(exc, migrate_exception.MigrationRefused):
        exc = migrate_exception.Unexpected(stack=stack.id,
                                           error=type(exc).__name__)
    try:
        migrate_events.refused(context, stack, exc, only_news=True)
    except Exception:
        LOG.exception('Cannot record why stack %s was left', stack.id)
