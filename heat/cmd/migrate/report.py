# SPDX-License-Identifier: Apache-2.0

"""Report what became of the stacks, for people or as JSON."""

import collections
import json
import os
import sys

from heat.cmd.migrate import columns
from heat.cmd.migrate import outcome as outcomes
from heat.cmd.migrate import remedies
from heat.cmd.migrate import summary
from heat.common.migrate import text as migrate_text

#: Width of a line, unless a word needs more.
WIDTH = 80

# Width of a name beside the id and the outcome. A reason takes a part of it;
# the longest one leaves 8 characters.
_NAME = 31
# Width of a name beside only an id.
_NAME_IN_GROUP = 40

#: How many stacks with warnings are listed, of those that are done.
WARNED = 10

#: All output goes through this: an error or a name may hold any character.
printable = migrate_text.printable


def warn(line):
    """Print a line for the operator to standard error."""
    print(printable(line), file=sys.stderr, flush=True)


class Report:
    """Counts outcomes and prints them.

    :param become: what the stacks are to be, in a word or a few
    :param list_all: also list the stacks that were neither refused nor failed
    :param long: list all stacks, with project, size and time
    :param by_project: add a summary for each project
    :param counted: the outcomes that count for --limit
    """

    #: Whether each stack is printed as soon as it is done.
    at_once = False

    def __init__(self, become, list_all=True, long=False, by_project=False,
                 stdout=None, stderr=None, counted=outcomes.CHANGED):
        self.counts = collections.Counter()
        self.reasons = collections.Counter()
        self._become = become
        self._list_all = list_all or long
        self._long = long
        self._by_project = by_project
        self._counted = counted
        self._projects = collections.defaultdict(collections.Counter)
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr

    @property
    def handled(self):
        """How many stacks are done so far."""
        return sum(self.counts.values())

    @property
    def counted(self):
        """How many of them count for --limit."""
        return sum(self.counts[outcome] for outcome in self._counted)

    @property
    def so_far(self):
        """The outcomes of the stacks so far, in words."""
        return summary.in_short(self.counts)

    def add(self, outcome):
        """Count an Outcome."""
        self.counts[outcome.outcome] += 1
        if self._by_project:
            self._projects[outcome.project or '-'][outcome.outcome] += 1
        if outcome.code:
            self.reasons[outcome.outcome, outcome.code] += 1

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
        """Print the heading, before the first stack."""
        raise NotImplementedError

    def end(self, seconds):
        """Print the results, after the last stack."""
        raise NotImplementedError


class Table(Report):
    """For people: the stacks that need attention, grouped by the reason.

    A run may have a hundred thousand stacks. So the list of all stacks is
    printed at once, and of a refused one only id and name are kept.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.at_once = self._list_all
        self._warned = []
        self._warned_more = 0
        # {(outcome, code): {remedy: {fact: [(id, name)]}}}
        self._groups = collections.defaultdict(
            lambda: collections.defaultdict(
                lambda: collections.defaultdict(list)))

    def begin(self, lines):
        for line in lines:
            self._print(line)

    def add(self, outcome):
        super().add(outcome)
        # One with a reason stands below its reason.
        if self._long or self._list_all and not outcome.code:
            self._print_stack(outcome)
        if outcome.code:
            fact, remedy = remedies.split(outcome.code, outcome.message or '')
            self._groups[outcome.outcome, outcome.code][remedy][
                _without_label(outcome, fact)].append(
                    (outcome.id, outcome.name))
        if self._list_all or not outcome.warnings:
            return
        if len(self._warned) < WARNED:
            self._warned.append((outcome.id, outcome.name, [
                _without_label(outcome, warning)
                for warning in outcome.warnings]))
        else:
            self._warned_more += 1

    def end(self, seconds):
        if self._warned:
            self._print_warned()
        for kind, code in sorted(
                self._groups, key=lambda key: (
                    key[0] == outcomes.REFUSED, key[1], str(key))):
            self._print_group(kind, code)
        for line in self.summary(seconds):
            self._print(line)

    def _print(self, text, indent=0):
        for line in columns.wrapped(text, WIDTH - 1, ' ' * indent,
                                    ' ' * (indent or 2)):
            print(line, file=self._stdout)

    def _print_stack(self, row):
        reason = '  ' + printable(row.code) if row.code else ''
        width = _NAME - len(reason)
        print(('%-36s  %s  %-9s%s' % (
            printable(row.id), columns.cell(row.name or '-', width),
            printable(row.outcome), reason)).rstrip(), file=self._stdout)
        if self._long:
            self._print('  '.join(_details(row)), 4)
        if not row.code:
            for text in _what_was_done(row):
                self._print(_without_label(row, text), 4)
        self._stdout.flush()

    def _print_warned(self):
        self._print('Warned: %s' % migrate_text.count(
            len(self._warned) + self._warned_more, 'stack'))
        for stack_id, name, warnings in self._warned:
            self._print_name(stack_id, name)
            for warning in warnings:
                self._print(warning, 4)
        if self._warned_more:
            self._print('and %d more: --long lists all of them.'
                        % self._warned_more, 2)

    def _print_group(self, kind, code):
        """Print the stacks with one reason, and each remedy once."""
        self._print('%s: %s, %s' % (
            str(kind).capitalize(), code,
            migrate_text.count(self.reasons[kind, code], 'stack')))
        for remedy, facts in self._groups[kind, code].items():
            for fact, stacks in sorted(
                    facts.items(), key=lambda item: min(map(_name, item[1]))):
                for stack_id, name in sorted(stacks, key=_name):
                    self._print_name(stack_id, name)
                self._print(fact, 4)
            self._print(remedy, 2)

    def _print_name(self, stack_id, name):
        print('  %-36s  %s' % (
            printable(stack_id), columns.shortened(
                name or '-', _NAME_IN_GROUP)), file=self._stdout)


def _name(stack):
    """What to sort by: the name of a stack, and its id."""
    stack_id, name = stack
    return name or '', str(stack_id)


def _details(row):
    """What --long adds: the project of a stack, its size and the time."""
    yield row.project or '-'
    if row.nested is not None:
        yield '%d nested' % row.nested
    if row.resources is not None:
        yield migrate_text.count(row.resources, 'resource')
    yield '%.2f s' % row.seconds


def _what_was_done(row):
    """The message of a stack, and those warnings that it does not have."""
    message = row.message or ''
    yield message
    for warning in row.warnings:
        if warning not in message:
            yield warning


def _without_label(outcome, text):
    return remedies.without_label(text, str(outcome.id),
                                  printable(outcome.name))


class JsonLines(Report):
    """Prints a line with a JSON object for each stack once it is done.

    The summary goes to standard error, so a pipe gets only JSON.
    """

    at_once = True

    def begin(self, lines):
        for line in lines:
            print(printable(line), file=self._stderr, flush=True)

    def add(self, outcome):
        super().add(outcome)
        print(json.dumps(outcome._asdict()), file=self._stdout, flush=True)

    def end(self, seconds):
        for line in self.summary(seconds):
            print(printable(line), file=self._stderr)


FORMATS = {'table': Table, 'json': JsonLines}


def give_up_stdout():
    """Discard the output once the reader of a pipe is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
