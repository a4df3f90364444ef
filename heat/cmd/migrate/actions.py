# SPDX-License-Identifier: Apache-2.0

"""The actions of the commands on each stack, as values."""

import functools
import typing

from heat.cmd.migrate import outcome
from heat.engine import convergence_migrate
from heat.engine import convergence_migrate_batch
from heat.engine.migrate import events as migrate_events

_BY = migrate_events.BY_OPERATOR


class Action(typing.NamedTuple):
    """What is done to each stack.

    :ivar run: a function of a context and a stack id; it returns a plan
    :ivar outcome: the outcome of a stack on which it was done
    :ivar title: the title of its report
    :ivar nothing: the outcome of a stack that needs nothing
    :ivar counted: the outcomes that count for --limit
    :ivar together: a function of a context and a list of stack ids, or None.
        It does the stacks that can be handled together, and returns
        {stack id: plan}
    """

    run: typing.Callable
    outcome: str
    title: str
    nothing: str = outcome.ALREADY
    counted: tuple = outcome.CHANGED
    together: typing.Callable = None


def _convert(context, stack_id, **options):
    return convergence_migrate.convert(context, stack_id, by=_BY, **options)


def _revert(context, stack_id):
    return convergence_migrate.revert(context, stack_id, by=_BY)


def _repair(context, stack_id):
    return convergence_migrate.repair(context, stack_id, by=_BY)


def ignoring_unreferenced(action):
    """A conversion, or the plan of one, without unreferenced stacks."""
    return action._replace(run=functools.partial(
        action.run, ignore_unreferenced=True))


def with_failed(action):
    """A conversion, or the plan of one, also of stacks not COMPLETE."""
    return action._replace(run=functools.partial(action.run, failed=True),
                           title=action.title + ', also of failed stacks')


CONVERT = Action(_convert, outcome.CONVERTED, 'Conversion to convergence',
                 together=functools.partial(convergence_migrate_batch.convert,
                                            by=_BY))
REVERT = Action(_revert, outcome.REVERTED, 'Revert to legacy')
PLAN = Action(convergence_migrate.plan, outcome.PLANNED,
              'Conversion to convergence, dry run',
              together=convergence_migrate_batch.plan)
PLAN_REVERT = Action(convergence_migrate.plan_revert, outcome.PLANNED,
                     'Revert to legacy, dry run')
VERIFY = Action(convergence_migrate.check_rows, outcome.PLANNED,
                'Verification of convergence stacks', outcome.OK,
                outcome.VERIFIED)
REPAIR = Action(_repair, outcome.REPAIRED, 'Repair of convergence stacks',
                outcome.OK)
