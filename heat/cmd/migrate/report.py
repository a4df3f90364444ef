# SPDX-License-Identifier: Apache-2.0

"""Tell what became of the stacks: for people or as JSON, with a summary."""

import collections
import json
import os
import sys
import textwrap

import prettytable

from heat.cmd.migrate import outcome as outcomes
from heat.cmd.migrate import remedies
from heat.cmd.migrate import summary
from heat.common.migrate import text as migrate_text

#: Characters of a line, where nothing makes it longer.
WIDTH = 80

_LONG = ('Stack ID', 'Name', 'Project', 'Outcome', 'Reason', 'Nested',
         'Resources', 'Seconds')

# A name, so that the id, the outcome and the longest reason fit beside it.
_NAME = 8
# A name beside an id alone.
_NAME_IN_GROUP = 40

#: Of stacks that are done but have warnings, no more are listed than this.
WARNED = 10

#: What is printed goes through this: an error or a name may hold anything.
printable = migrate_text.printable


def shortened(text, length):
    """A text that may be shown, in at most so many characters."""
    text = printable(text)
    return text if len(text) <= length else text[:length - 3] + '...'


class Report:
    """Counts outcomes and prints them.

    :param become: what the stacks are to be, in a word or a few
    :param keep_all: list all stacks, and not only those that there is
        something to say of
    :param long: list all stacks with all that is known of them
    :param by_project: add a summary for each project
    """

    def __init__(self, become, keep_all=True, long=False, by_project=False,
                 stdout=None, stderr=None):
        self.counts = collections.Counter()
        self.reasons = collections.Counter()
        self._become = become
        self._keep_all = keep_all or long
        self._long = long
        self._by_project = by_project
        self._projects = collections.defaultdict(collections.Counter)
        self._kept = []
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr

    @property
    def handled(self):
        """How many stacks there were until now."""
        return sum(self.counts.values())

    @property
    def changed(self):
        """How many of them have changed, or would in a dry run."""
        return sum(self.counts[outcome] for outcome in outcomes.CHANGED)

    @property
    def so_far(self):
        """What the stacks until now became, in words."""
        return summary.of_outcomes(self.counts, self._become)

    def add(self, outcome):
        """Take note of an Outcome."""
        self.counts[outcome.outcome] += 1
        if self._by_project:
            self._projects[outcome.project or '-'][outcome.outcome] += 1
        if outcome.code:
            self.reasons[outcome.outcome, outcome.code] += 1
        if self._is_for_the_end(outcome):
            self._kept.append(outcome)

    def _is_for_the_end(self, outcome):
        return self._keep_all or outcome.code or outcome.warnings

    def exit_status(self, complete=True):
        """The exit status; see heat.cmd.migrate.summary."""
        return summary.exit_status(self.reasons, complete)

    def summary(self, seconds):
        """The lines at the end."""
        yield summary.line(self.counts, self._become, seconds)
        for project, counts in sorted(self._projects.items()):
            yield '  %s  %s' % (project, summary.of_outcomes(
                counts, self._become))
        yield from summary.what_next(self.reasons)

    def begin(self, lines):
        """Print what is to be known before the first stack."""
        raise NotImplementedError

    def end(self, seconds):
        """Print what is to be read when all is over."""
        raise NotImplementedError


class Table(Report):
    """For people: what there is to say of stacks, grouped by the reason."""

    def begin(self, lines):
        for line in lines:
            self._print(line)

    def end(self, seconds):
        if self._long and self._kept:
            print(self._long_table(), file=self._stdout)
        elif self._keep_all:
            self._short_table()
        for outcome in self._kept if self._keep_all else ():
            if outcome.message and not (outcome.code or outcome.warnings):
                self._print(outcome.message)
        self._warned([outcome for outcome in self._kept if outcome.warnings])
        for (kind, code), _number in sorted(
                self.reasons.items(),
                key=lambda item: (item[0][0] == outcomes.REFUSED, item[1],
                                  str(item[0]))):
            self._group(kind, code)
        for line in self.summary(seconds):
            self._print(line)

    def _print(self, text, indent=0):
        # A path or an id is never broken in two.
        for line in textwrap.wrap(
                printable(text), WIDTH - 1, initial_indent=' ' * indent,
                subsequent_indent=' ' * (indent or 2),
                break_long_words=False, break_on_hyphens=False):
            print(line, file=self._stdout)

    def _long_table(self):
        table = prettytable.PrettyTable(_LONG)
        table.align = 'l'
        for column in _LONG[-3:]:
            table.align[column] = 'r'
        for row in self._kept:
            cells = (row.id, row.name, row.project, row.outcome, row.code,
                     row.nested, row.resources, '%.2f' % row.seconds)
            table.add_row([printable('-' if cell is None else cell)
                           for cell in cells])
        return table

    def _short_table(self):
        for row in self._kept:
            print(('%-36s  %-*s  %-9s  %s' % (
                printable(row.id), _NAME, shortened(row.name or '-', _NAME),
                printable(row.outcome), printable(row.code or '')
            )).rstrip(), file=self._stdout)

    def _warned(self, warned):
        if not warned:
            return
        self._print('Warned: %s' % migrate_text.count(len(warned), 'stack'))
        shown = warned if self._keep_all else warned[:WARNED]
        for outcome in shown:
            self._row(outcome)
            for warning in outcome.warnings:
                self._print(_told(outcome, warning), 4)
        if shown != warned:
            self._print('and %d more: --long tells all of them.'
                        % (len(warned) - len(shown)), 2)

    def _group(self, kind, code):
        """Tell the stacks with one reason, and each remedy once."""
        group = [outcome for outcome in self._kept
                 if (outcome.outcome, outcome.code) == (kind, code)]
        self._print('%s: %s, %s' % (
            str(kind).capitalize(), code,
            migrate_text.count(len(group), 'stack')))
        told = collections.defaultdict(lambda: collections.defaultdict(list))
        for outcome in group:
            what, remedy = remedies.split(code, outcome.message or '')
            told[remedy][_told(outcome, what)].append(outcome)
        for remedy, facts in told.items():
            for what, having in facts.items():
                for outcome in having:
                    self._row(outcome)
                self._print(what, 4)
            self._print(remedy, 2)

    def _row(self, outcome):
        print('  %-36s  %s' % (
            printable(outcome.id),
            shortened(outcome.name or '-', _NAME_IN_GROUP)),
            file=self._stdout)


def _told(outcome, text):
    return remedies.without_label(text, str(outcome.id),
                                  printable(outcome.name))


class JsonLines(Report):
    """A JSON object a stack, a line each as soon as it is done.

    The summary goes to standard error, so that what is piped is JSON only.
    """

    def begin(self, lines):
        for line in lines:
            print(printable(line), file=self._stderr, flush=True)

    def add(self, outcome):
        super().add(outcome)
        print(json.dumps(outcome._asdict()), file=self._stdout, flush=True)

    def _is_for_the_end(self, outcome):
        return False

    def end(self, seconds):
        for line in self.summary(seconds):
            print(printable(line), file=self._stderr)


FORMATS = {'table': Table, 'json': JsonLines}


def give_up_stdout():
    """Print to nowhere, once the reader of a pipe is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
