# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What became of one stack, as a value that any process can hand on."""

import typing

from oslo_db import exception as db_exception
from oslo_log import log as logging
from oslo_utils import timeutils

from heat.common import context as heat_context
from heat.common import migrate_exception
from heat.engine import convergence_migrate
from heat.engine import migrate_notice

LOG = logging.getLogger(__name__)

BY = 'by the operator'

#: Values of ``Outcome.outcome``. PLANNED is what a dry run gives, ALREADY a
#: stack that had been migrated before.
CONVERTED, REVERTED, REPAIRED, PLANNED, ALREADY, REFUSED, FAILED = (
    'converted', 'reverted', 'repaired', 'planned', 'already', 'refused',
    'failed')

#: Codes of failures that are no refusal of the converter's.
ERROR, DATABASE, WORKER_DIED = 'error', 'database', 'worker_died'

_DIED = ('The process that had stack %s in hand ended (%s), which leaves the '
         'stack as it was: see the log, and run the command again.')

_UNEXPECTED = ('Stack %s was left as it was, an unexpected %s came between: '
               '%s. The log tells more.')


class Outcome(typing.NamedTuple):
    """What became of one root stack; the fields are the keys in JSON.

    ``nested`` and ``resources`` count what lies below the root stack and
    what is (or would be) written; None where it is not known.
    """

    id: str
    name: str
    project: str
    outcome: str
    code: str
    message: str
    nested: int
    resources: int
    seconds: float

    @property
    def changed(self):
        """Whether this is what changed the stack (or would in a dry run)."""
        return self.outcome in (CONVERTED, REVERTED, REPAIRED, PLANNED)

    @property
    def done(self):
        """Whether the stack is now what it was to become."""
        return self.changed or self.outcome == ALREADY


class Action(typing.NamedTuple):
    """What is done to each stack.

    :ivar run: what does it, given a context and a stack id; returns a plan
    :ivar outcome: the outcome of a stack that was not ``already``
    """

    run: typing.Callable
    outcome: str


def _convert(context, stack_id):
    return convergence_migrate.convert(context, stack_id, by=BY)


def _revert(context, stack_id):
    return convergence_migrate.revert(context, stack_id, by=BY)


def _repair(context, stack_id):
    return convergence_migrate.repair(context, stack_id, by=BY)


CONVERT = Action(_convert, CONVERTED)
REVERT = Action(_revert, REVERTED)
PLAN = Action(convergence_migrate.plan, PLANNED)
PLAN_REVERT = Action(convergence_migrate.plan_revert, PLANNED)
VERIFY = Action(convergence_migrate.check_rows, PLANNED)
REPAIR = Action(_repair, REPAIRED)


def one_line(error):
    """An error as one line, or its type when it has nothing to say.

    Of an error of the database, what the driver has said: those that wrap it
    add the statement, with the values in it.
    """
    while (inner := getattr(error, 'inner_exception', None) or
           getattr(error, 'orig', None)) is not None:
        error = inner
    return ' '.join(str(error).split()) or type(error).__name__


def act(action, stack):
    """Do something to one stack; nothing that goes wrong gets out.

    :param action: an :class:`Action`
    :param stack: the heat.db.migrate_census.RootStack
    :returns: the :class:`Outcome`
    """
    # A context of its own for each stack: it keeps what it has loaded.
    context = heat_context.get_admin_context()
    watch = timeutils.StopWatch()
    with watch:
        try:
            plan = action.run(context, stack.id)
        except Exception as exc:
            return _undone(context, action, stack, exc, watch)
    return Outcome(
        stack.id, stack.name, stack.tenant,
        ALREADY if plan.nothing_to_do else action.outcome, None,
        _message(action, plan), plan.nested, plan.resources,
        round(watch.elapsed(), 3))


def _message(action, plan):
    """What the operator should read of a plan: all of it before it is done."""
    if plan.nothing_to_do:
        return None
    if action.outcome == PLANNED:
        return str(plan)
    return ' '.join(plan.warnings) or None


def _undone(context, action, stack, exc, watch):
    text = one_line(exc)
    if isinstance(exc, migrate_exception.MigrationRefused):
        outcome, code = REFUSED, exc.code
    elif isinstance(exc, db_exception.DBError):
        outcome, code = FAILED, DATABASE
    else:
        LOG.exception('Migrating stack %s failed', stack.id)
        outcome, code = FAILED, ERROR
        text = _UNEXPECTED % (stack.id, type(exc).__name__, text)
    if action.outcome != PLANNED and not _is_passing(exc):
        _tell(context, stack, exc)
    return failure(stack, outcome, code, text, watch.elapsed())


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
    An error of the database quotes the statement.
    """
    if not isinstance(exc, migrate_exception.MigrationRefused):
        exc = migrate_exception.Unexpected(stack=stack.id,
                                           error=type(exc).__name__)
    try:
        migrate_notice.refused(context, stack, exc)
    except Exception:
        LOG.exception('Cannot record why stack %s was left', stack.id)


def failure(stack, outcome, code, message, seconds):
    """The :class:`Outcome` of a stack that stays as it was."""
    return Outcome(stack.id, stack.name, stack.tenant, outcome, code, message,
                   None, None, round(seconds, 3))


def worker_died(stack, status, seconds):
    """The :class:`Outcome` of a stack whose worker process has ended.

    :param status: its exit code; -N when signal N ended it
    """
    how = ('by signal %d' % -status if status is not None and status < 0
           else 'with status %s' % status)
    return failure(stack, FAILED, WORKER_DIED, _DIED % (stack.id, how),
                   seconds)
