# SPDX-License-Identifier: Apache-2.0

"""Say in plain words what became of all the stacks, and what to do next."""

import datetime

from heat.cmd.migrate import outcome as outcomes
from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import text as migrate_text

#: Exit statuses.
DONE, RUN_AGAIN, FAILED = 0, 1, 2

#: The reasons that say that a stack is not in a sane state at the moment;
#: with any other one running the same command again changes nothing.
NOT_SANE = frozenset(refused.code for refused in (
    migrate_exception.InProgress, migrate_exception.NotComplete,
    migrate_exception.Locked, migrate_exception.TreeChanged,
    migrate_exception.BackupResources))

#: Those of them that pass by themselves.
PASSING = frozenset(refused.code for refused in (
    migrate_exception.InProgress, migrate_exception.Locked,
    migrate_exception.TreeChanged))

# In this order; {become} is what the stacks are to be.
_WORDS = {outcomes.CONVERTED: 'converted', outcomes.REVERTED: 'reverted',
          outcomes.REPAIRED: 'repaired', outcomes.OK: 'ok',
          outcomes.DAMAGED: 'damaged',
          outcomes.PLANNED: 'can become {become}',
          outcomes.ALREADY: 'already {become}',
          outcomes.GONE: 'deleted meanwhile', outcomes.REFUSED: 'refused',
          outcomes.FAILED: 'failed'}


def duration(seconds):
    """A time in words: ``3.2 s``, ``12 s``, ``1:02:03``."""
    if seconds < 10:
        return '%.1f s' % seconds
    if seconds < 60:
        return '%d s' % seconds
    return clock(seconds)


def clock(seconds):
    """A time as h:mm:ss, for progress that is shown again and again."""
    return str(datetime.timedelta(seconds=int(seconds)))


def of_outcomes(counts, become):
    """What the stacks became, each with its number, in one line.

    :param counts: {outcome: how many}
    :param become: what the stacks were to be, in a word or a few
    """
    return ', '.join('%d %s' % (counts[outcome], words.format(become=become))
                     for outcome, words in _WORDS.items() if counts[outcome])


def line(counts, become, seconds):
    """The summary of a run."""
    return '%s in %s: %s.' % (
        migrate_text.count(sum(counts.values()), 'stack'), duration(seconds),
        of_outcomes(counts, become) or 'there was nothing to do')


def exit_status(reasons, complete=True):
    """The exit status of a run, from the outcomes of all stacks.

    :param reasons: the (outcome, code) of those that stay as they are
    :param complete: false when there are stacks that nobody looked at
    """
    if any(outcome == outcomes.FAILED or code not in NOT_SANE
           for outcome, code in reasons):
        return FAILED
    return DONE if complete and not reasons else RUN_AGAIN


def what_next(reasons):
    """Sentences that say which stacks need what; empty when none does.

    :param reasons: {(outcome, code): how many}
    """
    busy = failed = unfit = 0
    for (outcome, code), number in reasons.items():
        if outcome == outcomes.FAILED:
            failed += number
        elif outcome == outcomes.DAMAGED:
            continue
        elif code in PASSING:
            busy += number
        else:
            unfit += number
    if busy:
        yield ('%s busy: run this again later, or with --retry.'
               % _stacks_are(busy))
    if unfit:
        yield ('%s not in a state to be changed: do what it says above.'
               % _stacks_are(unfit))
    if failed:
        yield '%s unexpectedly: see the log.' % (
            migrate_text.count(failed, 'stack') + ' failed')


def _stacks_are(number):
    return migrate_text.count(number, 'stack is', 'stacks are')
