# SPDX-License-Identifier: Apache-2.0

"""Run an action on stacks; an error of one stack becomes its outcome."""

from oslo_log import log as logging
from oslo_utils import timeutils

from heat.cmd.migrate import errors
from heat.cmd.migrate import outcome as outcomes
from heat.common import context as heat_context
from heat.common.migrate import exception as migrate_exception
from heat.db.migrate import events as migrate_db_events
from heat.engine.migrate import events as migrate_events
from heat.engine.migrate import refusals as migrate_refusals

LOG = logging.getLogger(__name__)

#: How the event of each outcome begins.
_EVENTS = {outcomes.CONVERTED: migrate_events.CONVERTED,
           outcomes.REVERTED: migrate_events.REVERTED,
           outcomes.REPAIRED: migrate_events.REPAIRED}

_UNEXPECTED = ('Stack %s is unchanged: an unexpected %s occurred. See the '
               'log.')


def act_on(action, stacks):
    """Run an action on some stacks; it raises nothing.

    :param action: a heat.cmd.migrate.actions.Action
    :param stacks: a list of heat.db.migrate.roots.RootStack
    :returns: the :class:`Outcome` of each stack that is done, and the stacks
        of a batch that must be handled one by one
    """
    if len(stacks) == 1:
        return [act(action, stacks[0])], []
    return act_together(action, stacks)


def act_together(action, stacks):
    """As :func:`act_on`, for a batch, also of a single stack."""
    watch = timeutils.StopWatch()
    plans = {}
    with watch:
        try:
            plans = action.together(heat_context.get_admin_context(),
                                    [stack.id for stack in stacks])
        except (migrate_exception.MigrationRefused,
                *migrate_exception.DATABASE_ERRORS) as exc:
            # Each stack is tried alone next, and reports its own error.
            LOG.debug('A batch is taken stack by stack: %s', exc)
        except Exception:
            LOG.exception('A batch of stacks failed')
    seconds = watch.elapsed() / max(1, len(plans))
    return ([_done(action, stack, plans[stack.id], seconds)
             for stack in stacks if stack.id in plans],
            [stack for stack in stacks if stack.id not in plans])


def find_written(action, stacks, begun, seconds):
    """Find which stacks a worker wrote before it ended without a report.

    :param begun: when it began, in UTC
    :param seconds: seconds from then until it ended
    :returns: the outcomes of the written stacks, the other stacks, and
        whether that is certain: not if the database did not answer
    """
    if action.outcome not in _EVENTS:
        return [], stacks, True
    context = heat_context.get_admin_context()
    sizes, certain = {}, True
    try:
        sizes = migrate_db_events.written_since(
            context, migrate_events.ACTION, '%s%% %s: %%' % (
                _EVENTS[action.outcome], migrate_events.BY_OPERATOR),
            [stack.id for stack in stacks], begun)
    except Exception:
        certain = False
        LOG.exception('Cannot read what a worker has written')
    for stack_id in sizes:
        LOG.info('Stack %s was changed before its worker process ended',
                 stack_id)
    return ([outcomes.Outcome(
        stack.id, stack.name, stack.tenant, action.outcome, None, None,
        *sizes[stack.id], round(seconds, 3)) for stack in stacks
        if stack.id in sizes],
        [stack for stack in stacks if stack.id not in sizes], certain)


def act(action, stack):
    """Run an action on one stack; it raises nothing.

    :param action: a heat.cmd.migrate.actions.Action
    :param stack: the heat.db.migrate.roots.RootStack
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
    # Not within the except: oslo.log would add the exception to each log line.
    if error is not None:
        return _undone(context, action, stack, error, watch)
    return _done(action, stack, plan, watch.elapsed())


def _done(action, stack, plan, seconds):
    return outcomes.Outcome(
        stack.id, stack.name, stack.tenant,
        action.nothing if plan.nothing_to_do else action.outcome, None,
        _message(action, plan), plan.nested, plan.resources,
        round(seconds, 3),
        () if plan.nothing_to_do else tuple(plan.warnings))


def _message(action, plan):
    """What the operator reads: a plan, what was repaired, or warnings."""
    if plan.nothing_to_do:
        return None
    if action.outcome == outcomes.PLANNED:
        return str(plan)
    if action.outcome == outcomes.REPAIRED:
        return 'Added what was missing: ' + plan.lacked
    return ' '.join(plan.warnings) or None


def _undone(context, action, stack, exc, watch):
    text = errors.one_line(exc)
    if outcomes.is_gone(stack, exc):
        return outcomes.gone(stack, watch.elapsed())
    if isinstance(exc, migrate_exception.RowsDiffer):
        outcome, code = outcomes.DAMAGED, exc.code
    elif isinstance(exc, migrate_exception.MigrationRefused):
        outcome, code = outcomes.REFUSED, exc.code
    elif isinstance(exc, migrate_exception.DATABASE_ERRORS):
        outcome, code = outcomes.FAILED, outcomes.DATABASE
    else:
        LOG.exception('Migrating stack %s failed', stack.id, exc_info=exc)
        outcome, code = outcomes.FAILED, outcomes.ERROR
        text = _UNEXPECTED % (stack.id, type(exc).__name__)
    if action.outcome != outcomes.PLANNED:
        migrate_refusals.for_operator(context, stack, exc)
    return outcomes.failure(stack, outcome, code, text, watch.elapsed())
