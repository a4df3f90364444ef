# SPDX-License-Identifier: Apache-2.0

"""heat-manage convergence-status: how many stacks are converted yet."""

import collections
import itertools
import json

import prettytable

from heat.cmd.migrate import outcome
from heat.cmd.migrate import prometheus
from heat.cmd.migrate import report
from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import text as migrate_text
from heat.common.migrate import version as migrate_version
from heat.db.migrate import counts as migrate_counts
from heat.engine import convergence_migrate

EPILOG = """\
examples:
  heat-manage convergence-status
  heat-manage convergence-status --format json | jq 'select(.state == "ready")'
  heat-manage convergence-status --list failed
  heat-manage convergence-status --format prometheus > heat.prom

states:
  convergence  all stacks of the tree are convergence stacks
  ready        legacy, and nothing seen that keeps it from being converted
  any other    legacy, and the reason that prevents a conversion

Root stacks that are failed, or have a backup stack in use, are counted once
more by what migrate-convergence-1 --failed would do. Nested stacks that Heat
has left over are listed below, with their ids.

This reads every stack, and every resource by an index: some seconds for a
million resources. Write a file for Prometheus every few minutes, not seconds.

exit status:
  0  printed
  1  with --deep: a signal ended it before the last stack
  2  the database cannot be used, or the arguments are wrong
"""

_COLUMNS = ('State', 'Root stacks', 'Nested, legacy', 'Nested, convergence')

_ROW = '  %-21s  %11s  %14s  %19s'

_LEFTOVER_COLUMNS = ('Reason', 'Stack ID', 'Name', 'Project', 'Nested in',
                     'Has the same resources')


class Planned:
    """Takes trees that rows alone call ready out of the ready ones.

    It takes part in a heat.cmd.migrate.run.Run of dry runs as the report.

    :param context: to read the sizes of such trees with
    :param tallies: what migrate_counts.tally has found
    """

    def __init__(self, context, tallies):
        self._context = context
        self._tallies = {(tally.project, tally.state): tally
                         for tally in tallies}
        self.handled = self.left = 0

    def add(self, done):
        """Take note of the Outcome of a dry run."""
        self.handled += 1
        if done.done or done.outcome == outcome.GONE:
            return
        self.left += 1
        if done.outcome == outcome.FAILED or (
                done.code not in migrate_counts.SEEN_IN_ROWS):
            self._move(done)

    def _move(self, done):
        legacy, convergence = migrate_counts.count_nested(
            self._context, done.id)
        for state, sign in ((migrate_counts.READY, -1), (done.code, 1)):
            key = done.project, state
            old = self._tallies.get(key) or migrate_counts.Tally(*key, 0, 0, 0)
            self._tallies[key] = migrate_counts.Tally(
                *key, *(max(0, count + sign * more) for count, more in
                        zip(old[2:], (1, legacy, convergence))))

    @property
    def so_far(self):
        """What was found until now, in words."""
        return '%d cannot be converted' % self.left

    @property
    def tallies(self):
        """The tallies as they are now, by project and state."""
        return [tally for _key, tally in sorted(self._tallies.items())
                if any(tally[2:])]


def show(tallies, form):
    """Print tallies as a table or as JSON lines."""
    if form == 'prometheus':
        print(prometheus.text(tallies), end='')
        return
    if form == 'json':
        for tally in tallies:
            print(json.dumps(tally._asdict()))
        return
    print(migrate_version.both())
    for project, found in itertools.groupby(
            tallies, key=lambda tally: tally.project):
        print('Project %s' % report.printable(project or '-'))
        print(_ROW % _COLUMNS)
        for tally in found:
            print(_ROW % tally[1:])
    for line in _totals(tallies):
        print(line)


def show_stacks(stacks, form):
    """Print some heat.db.migrate.counts.RootStack, a line each.

    A name may hold spaces, so that it comes last.
    """
    for stack in stacks:
        if form == 'json':
            print(json.dumps({'id': stack.id, 'name': stack.name,
                              'project': stack.tenant}))
        else:
            print(report.printable('%s  %s  %s' % (
                stack.id, stack.tenant or '-', stack.name)))


def _totals(tallies):
    roots = {True: 0, False: 0}
    nested = {True: 0, False: 0}
    for tally in tallies:
        roots[tally.state == migrate_counts.CONVERGENCE] += tally.roots
        nested[True] += tally.nested_convergence
        nested[False] += tally.nested_legacy
    for engine, is_convergence in (('Convergence', True), ('Legacy', False)):
        yield '%s: %s and %s.' % (
            engine, migrate_text.count(roots[is_convergence], 'root stack'),
            migrate_text.count(nested[is_convergence], 'nested stack'))
    if roots[False]:
        yield ('To convert them: heat-manage migrate-convergence-1 --all (try '
               'it with --dry-run first)')


def count_with_failed(context, project=None):
    """Count the root stacks that are not COMPLETE by what --failed does.

    :returns: {(project, READY or the code of the refusal): number}
    """
    found = collections.Counter()
    for stack in migrate_counts.get_failed(context, project):
        state = migrate_counts.READY
        try:
            convergence_migrate.check_failed(context, stack.id)
        except migrate_exception.MigrationRefused as exc:
            state = exc.code
        found[stack.tenant, state] += 1
    return found


def show_with_failed(found, form):
    """Print what :func:`count_with_failed` found, if there is anything."""
    rows = sorted(found.items(), key=lambda item: (item[0][0] or '',
                                                   item[0][1]))
    if form == 'json':
        for (project, state), roots in rows:
            print(json.dumps({'with_failed': state, 'project': project,
                              'roots': roots}))
    elif form == 'table' and rows:
        print('Not COMPLETE. heat-manage migrate-convergence-1 --failed would '
              'convert those that are ready:')
        table = prettytable.PrettyTable(('Project', 'With --failed',
                                         'Root stacks'))
        table.align = 'l'
        table.align['Root stacks'] = 'r'
        for key, roots in rows:
            table.add_row([*(report.printable('-' if cell is None else cell)
                             for cell in key), roots])
        print(table)


def show_leftovers(leftovers, form):
    """Print heat.db.migrate.leftovers.Leftover rows, if there are any."""
    if form == 'json':
        for leftover in leftovers:
            print(json.dumps(leftover._asdict()))
        return
    if not leftovers or form != 'table':
        return
    table = prettytable.PrettyTable(_LEFTOVER_COLUMNS)
    table.align = 'l'
    for leftover in leftovers:
        *cells, shared_with = leftover
        table.add_row([report.printable('-' if cell is None else cell)
                       for cell in (*cells, ', '.join(shared_with) or '-')])
    print('Nested stacks that are left over:')
    print(table)
    print('What to do about each: heat-manage migrate-convergence-1 --all '
          '--dry-run')
