# SPDX-License-Identifier: Apache-2.0

"""Tell what became of the stacks: a table or JSON lines, and a summary."""

import collections
import json
import os
import sys

import prettytable

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

_COLUMNS = ('Stack ID', 'Name', 'Project', 'Outcome', 'Reason', 'Nested',
            'Resources', 'Seconds')

_WORDS = {outcomes.CONVERTED: 'converted to convergence',
          outcomes.REVERTED: 'reverted to legacy',
          outcomes.REPAIRED: 'repaired',
          outcomes.PLANNED: 'would be changed (dry run)',
          outcomes.GONE: 'deleted meanwhile'}

#: What is printed goes through this: an error or a name may hold anything.
printable = migrate_text.printable


class Report:
    """Counts outcomes and prints them.

    :param already: what a stack is called that there was nothing to do for
    :param keep_all: list all stacks, and not only those that there is
        something to say of
    """

    def __init__(self, already, keep_all=True, stdout=None, stderr=None):
        self.counts = collections.Counter()
        self.reasons = collections.Counter()
        self._already = already
        self._keep_all = keep_all
        self._kept = []
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr

    @property
    def handled(self):
        """How many stacks there were until now."""
        return sum(self.counts.values())

    @property
    def left(self):
        """How many of them stay as they were."""
        return (self.counts[outcomes.REFUSED] + self.counts[outcomes.FAILED])

    def add(self, outcome):
        """Take note of an Outcome."""
        self.counts[outcome.outcome] += 1
        if outcome.code:
            self.reasons[outcome.outcome, outcome.code] += 1
        if self._is_for_the_end(outcome):
            self._kept.append(outcome)

    def _is_for_the_end(self, outcome):
        return self._keep_all or outcome.message

    def exit_status(self, complete=True):
        """The exit status that tells what became of all of them.

        :param complete: false when there are stacks that nobody looked at
        """
        if any(outcome == outcomes.FAILED or code not in NOT_SANE
               for outcome, code in self.reasons):
            return FAILED
        return DONE if complete and not self.reasons else RUN_AGAIN

    def summary(self, seconds):
        """The lines at the end."""
        parts = ['%d %s' % (self.counts[outcome], words)
                 for outcome, words in _WORDS.items() if self.counts[outcome]]
        parts += ['%d %s already' % (self.counts[outcomes.ALREADY],
                                     self._already),
                  '%d left as they were%s' % self._count(outcomes.REFUSED),
                  '%d failed%s' % self._count(outcomes.FAILED)]
        yield '%d %s in %.1f seconds: %s.' % (
            self.handled, 'stack' if self.handled == 1 else 'stacks',
            seconds, ', '.join(parts))
        again = [outcome for outcome in self._kept
                 if outcome.code in PASSING]
        if again:
            yield 'Run again later, an operation was in progress:'
            for outcome in again:
                yield '  %s %s' % (outcome.id, outcome.name)

    def _count(self, outcome):
        reasons = sorted('%s %d' % (code, count)
                         for (of, code), count in self.reasons.items()
                         if of == outcome)
        return self.counts[outcome], (
            ' (%s)' % ', '.join(reasons) if reasons else '')

    def end(self, seconds):
        """Print what is to be read when all is over."""
        raise NotImplementedError


class Table(Report):
    """A table at the end, the reasons in words below it."""

    def end(self, seconds):
        if self._kept:
            print(self._table(), file=self._stdout)
        for outcome in self._kept:
            if outcome.message:
                print(printable(outcome.message), file=self._stdout)
        for line in self.summary(seconds):
            print(printable(line), file=self._stdout)

    def _table(self):
        table = prettytable.PrettyTable(_COLUMNS)
        table.align = 'l'
        for column in _COLUMNS[-3:]:
            table.align[column] = 'r'
        for row in self._kept:
            cells = (row.id, row.name, row.project, row.outcome, row.code,
                     row.nested, row.resources, '%.2f' % row.seconds)
            table.add_row([printable('-' if cell is None else cell)
                           for cell in cells])
        return table


class JsonLines(Report):
    """A JSON object a stack, a line each as soon as it is done.

    The summary goes to standard error, so that what is piped is JSON only.
    """

    def add(self, outcome):
        super().add(outcome)
        print(json.dumps(outcome._asdict()), file=self._stdout, flush=True)

    def _is_for_the_end(self, outcome):
        return outcome.code in PASSING

    def end(self, seconds):
        for line in self.summary(seconds):
            print(printable(line), file=self._stderr)


FORMATS = {'table': Table, 'json': JsonLines}


def give_up_stdout():
    """Print to nowhere, once the reader of a pipe is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
