# SPDX-License-Identifier: Apache-2.0

"""The outcome for one stack, as a value that processes can exchange."""

import typing

from heat.common.migrate import exception as migrate_exception

#: Values of ``Outcome.outcome``. PLANNED is what a dry run gives, ALREADY a
#: stack that had been migrated before, GONE one that was deleted meanwhile.
CONVERTED, REVERTED, REPAIRED, PLANNED, ALREADY, GONE, REFUSED, FAILED = (
    'converted', 'reverted', 'repaired', 'planned', 'already', 'gone',
    'refused', 'failed')

#: What a verification finds.
OK, DAMAGED = 'ok', 'damaged'

#: Those that say that the stack has changed (or would in a dry run), or was
#: verified: they count for --limit.
CHANGED = (CONVERTED, REVERTED, REPAIRED, PLANNED, OK, DAMAGED)

#: Codes of failures that are no refusal of the converter's.
ERROR, DATABASE, WORKER_DIED = 'error', 'database', 'worker_died'

_DIED = ('The worker process of stack %s ended (%s). The stack is unchanged: '
         'see the log, and run the command again.')


class Outcome(typing.NamedTuple):
    """What became of one root stack; the fields are the keys in JSON.

    ``nested`` and ``resources`` count what lies below the root stack and
    what is (or would be) written; None where it is not known. ``warnings``
    are sentences for the owner of the stack.
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
    warnings: tuple = ()

    @property
    def changed(self):
        """Whether this counts for --limit; see CHANGED."""
        return self.outcome in CHANGED

    @property
    def done(self):
        """Whether the stack is now what it was to become."""
        return self.changed or self.outcome == ALREADY


def failure(stack, outcome, code, message, seconds):
    """The :class:`Outcome` of a stack that stays unchanged."""
    return Outcome(stack.id, stack.name, stack.tenant, outcome, code, message,
                   None, None, round(seconds, 3))


def is_gone(stack, error):
    """Whether a stack that this run has seen is there no more.

    :param stack: the RootStack; of an id that is no stack it has no name
    """
    return isinstance(error, migrate_exception.StackGone) or (
        stack.name is not None and
        isinstance(error, migrate_exception.StackNotFound))


def gone(stack, seconds):
    """The :class:`Outcome` of a stack that was deleted meanwhile."""
    return failure(stack, GONE, None, str(migrate_exception.StackGone(
        stack=stack.id)), seconds)


def worker_died(stack, status, seconds):
    """The :class:`Outcome` of a stack whose worker process has ended.

    :param status: its exit code; -N when signal N ended it
    """
    how = ('by signal %d' % -status if status is not None and status < 0
           else 'with status %s' % status)
    return failure(stack, FAILED, WORKER_DIED, _DIED % (stack.id, how),
                   seconds)
