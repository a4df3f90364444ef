# SPDX-License-Identifier: Apache-2.0

"""The outcome for one stack, as a value that processes can exchange."""

import typing

from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import text as migrate_text

#: Values of ``Outcome.outcome``. A dry run gives PLANNED. ALREADY is for a
#: stack that was converted or reverted before, GONE for a stack that was
#: deleted meanwhile.
CONVERTED, REVERTED, REPAIRED, PLANNED, ALREADY, GONE, REFUSED, FAILED = (
    'converted', 'reverted', 'repaired', 'planned', 'already', 'gone',
    'refused', 'failed')

#: The outcomes of a verification. A repair also gives OK.
VERIFIED = OK, DAMAGED = 'ok', 'damaged'

#: The stack has changed, or would in a dry run.
CHANGED = (CONVERTED, REVERTED, REPAIRED, PLANNED)

#: Codes of failures that are not refusals by the converter.
ERROR, DATABASE, WORKER_DIED, TIMEOUT = (
    'error', 'database', 'worker_died', 'timeout')

_DIED = ('The worker process of stack %s ended (%s). The stack %s: see the '
         'log, and run the command again.')

_TIMED_OUT = ('Stack %s took longer than %s. The stack %s: see in the log '
              'which service a resource of it waits for, or give the stack '
              'more time (--stack-timeout).')

_UNKNOWN = ('Stack %s was in a batch that ended early, and may have changed '
            '(the database does not answer): see the log, and run the '
            'command again.')

# What is known of a stack after its worker process is gone.
_STATE = {True: 'is unchanged',
          False: 'may have changed (the database does not answer)'}


class Outcome(typing.NamedTuple):
    """What became of one root stack; the fields are the keys in JSON.

    ``nested`` and ``resources`` count the nested stacks and the resources that
    are (or would be) written; None if not known. ``warnings`` are sentences
    for the owner of the stack.
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
    def done(self):
        """Whether the stack is now what it was to become."""
        return self.outcome in (*CHANGED, ALREADY, OK)


def failure(stack, outcome, code, message, seconds):
    """The :class:`Outcome` of a stack that stays unchanged."""
    return Outcome(stack.id, stack.name, stack.tenant, outcome, code, message,
                   None, None, round(seconds, 3))


def is_gone(stack, error):
    """Whether a stack that this run has seen was deleted.

    :param stack: the RootStack; it has no name if its id is no stack
    """
    return isinstance(error, migrate_exception.StackGone) or (
        stack.name is not None and
        isinstance(error, migrate_exception.StackNotFound))


def gone(stack, seconds):
    """The :class:`Outcome` of a stack that was deleted meanwhile."""
    return failure(stack, GONE, None, str(migrate_exception.StackGone(
        stack=stack.id)), seconds)


def worker_died(stack, status, seconds, certain):
    """The :class:`Outcome` of a stack whose worker process has ended.

    :param status: its exit code; -N when signal N ended it
    :param certain: whether the stack is known to be unchanged
    """
    how = ('by signal %d' % -status if status is not None and status < 0
           else 'with status %s' % status)
    return failure(stack, FAILED, WORKER_DIED, _DIED % (
        stack.id, how, _STATE[certain]), seconds)


def timed_out(stack, limit, seconds, certain):
    """The :class:`Outcome` of a stack whose worker took too long.

    :param limit: the seconds that it was allowed
    :param certain: whether the stack is known to be unchanged
    """
    return failure(stack, FAILED, TIMEOUT, _TIMED_OUT % (
        stack.id, migrate_text.count(round(limit), 'second'),
        _STATE[certain]), seconds)


def unknown(stack):
    """The :class:`Outcome` of a stack that a batch may have changed."""
    return failure(stack, FAILED, DATABASE, _UNKNOWN % stack.id, 0)
