# SPDX-License-Identifier: Apache-2.0

"""Summarize the outcomes of all stacks, and say what to do next."""

import datetime

from heat.cmd.migrate import outcome as outcomes
from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import text as migrate_text

#: Exit statuses.
DONE, RUN_AGAIN, FAILED = 0, 1, 2

#: The reasons for which a stack is refused only in its present state. With any
#: other reason, running the same command again changes nothing.
NOT_SANE = frozenset(refused.code for refused in (
    migrate_exception.InProgress, migrate_exception.Interrupted,
    migrate_exception.NotComplete, migrate_exception.Locked,
    migrate_exception.TreeChanged, migrate_exception.BackupResources))

#: The reasons of these that pass without any action.
PASSING = frozenset(refused.code for refused in (
    migrate_exception.InProgress, migrate_exception.Locked,
    migrate_exception.TreeChanged))

#: The only line of a run that a signal ends while it starts.
STOPPED = 'Stopped before the first stack: nothing was changed.'

# In this order; {become} is the kind that the stacks are to have.
_WORDS = {outcomes.CONVERTED: 'converted', outcomes.REVERTED: 'reverted',
          outcomes.REPAIRED: 'repaired', outcomes.OK: 'ok',
          outcomes.DAMAGED: 'damaged',
          outcomes.PLANNED: 'can become {become}',
          outcomes.ALREADY: 'already {become}',
          outcomes.GONE: 'deleted meanwhile', outcomes.REFUSED: 'refused',
          outcomes.FAILED: 'failed'}


# For a line of progress, whose end may be cut: what needs nobody comes last.
_IN_SHORT = [*(outcome for outcome in _WORDS
               if outcome not in (outcomes.ALREADY, outcomes.GONE)),
             outcomes.ALREADY, outcomes.GONE]


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
    """The number of stacks with each outcome, in one line.

    :param counts: {outcome: how many}
    :param become: the kind that the stacks are to have, in words
    """
    return ', '.join('%d %s' % (counts[outcome], words.format(become=become))
                     for outcome, words in _WORDS.items() if counts[outcome])


def in_short(counts):
    """The number of stacks with each outcome, in few words."""
    return ', '.join('%d %s' % (counts[outcome], outcome)
                     for outcome in _IN_SHORT if counts[outcome])


def line(counts, become, seconds):
    """The summary of a run."""
    return '%s in %s: %s.' % (
        migrate_text.count(sum(counts.values()), 'stack'), duration(seconds),
        of_outcomes(counts, become) or 'there was nothing to do')


def exit_status(reasons, complete=True):
    """The exit status of a run, from the outcomes of all stacks.

    :param reasons: the (outcome, code) of the stacks that stay unchanged
    :param complete: false if the run ended before some stacks
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
        yield ('%s not in a state to be changed: follow the report above.'
               % _stacks_are(unfit))
    if failed:
        yield '%s unexpectedly: see the log.' % (
            migrate_text.count(failed, 'stack') + ' failed')


def _stacks_are(number):
    return migrate_text.count(number, 'stack is', 'stacks are')
