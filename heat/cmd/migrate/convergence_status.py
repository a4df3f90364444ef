# SPDX-License-Identifier: Apache-2.0

"""heat-manage convergence-status: how many stacks are converted."""

import collections
import itertools
import json

from heat.cmd.migrate import columns
from heat.cmd.migrate import errors
from heat.cmd.migrate import outcome
from heat.cmd.migrate import prometheus
from heat.cmd.migrate import report
from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import text as migrate_text
from heat.common.migrate import version as migrate_version
from heat.db.migrate import counts as migrate_counts
from heat.engine import convergence_migrate
from heat.engine.migrate import events as migrate_events

_COLUMNS = ('State', 'Root stacks', 'Nested, legacy', 'Nested, convergence')

_ROOTS = '  %-21s  %11s'
_ROW = _ROOTS + '  %14s  %19s'

# How many other stacks are listed for a leftover stack. JSON lists all.
_SHARED = 3

# A name beside an id and the longest code.
_NAME = 19

# A project and a name beside an id. The table of states has the whole id of
# each project.
_PROJECT, _NAME_IN_LIST = 14, 25


class Planned:
    """Corrects tallies: a tree with a refused plan is not ready.

    It is the report of a heat.cmd.migrate.run.Run of dry runs.

    :param context: to read the sizes of such trees with
    :param tallies: what migrate_counts.tally has found
    """

    def __init__(self, context, tallies):
        self._context = context
        self._tallies = {(tally.project, tally.state): tally
                         for tally in tallies}
        self.handled = self.left = 0

    def add(self, done):
        """Count the Outcome of a dry run."""
        self.handled += 1
        _check_database(done)
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
        """What was found so far, in words."""
        return '%d cannot be converted' % self.left

    @property
    def tallies(self):
        """The tallies as they are now, by project and state."""
        return [tally for _key, tally in sorted(self._tallies.items())
                if any(tally[2:])]


def _check_database(done):
    """Check that an Outcome says something about its stack."""
    if done.code == outcome.DATABASE:
        raise errors.CommandError(done.message)


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
        _project(project)
        print(_ROW % _COLUMNS)
        for tally in found:
            print(_ROW % tally[1:])
    for line in _totals(tallies):
        print(line)


def show_stacks(stacks, form):
    """Print some heat.db.migrate.roots.RootStack, a line each.

    The name comes last because it may hold spaces.
    """
    for stack in stacks:
        if form == 'json':
            print(json.dumps({'id': stack.id, 'name': stack.name,
                              'project': stack.tenant}))
        else:
            print('%s  %s  %s' % (
                stack.id, columns.cell(stack.tenant or '-', _PROJECT),
                columns.shortened(stack.name or '-', _NAME_IN_LIST)))


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
        yield 'Next: heat-manage migrate-convergence-1 --all --dry-run'


class WithFailed:
    """Counts root stacks that are not COMPLETE, by the result of --failed.

    It is the report of a heat.cmd.migrate.run.Run of dry runs.

    :ivar found: {(project, READY or the code of the refusal): number}
    """

    so_far = ''

    def __init__(self):
        self.found = collections.Counter()
        self.handled = 0

    def add(self, done):
        """Count the Outcome of a dry run."""
        self.handled += 1
        _check_database(done)
        if done.outcome != outcome.GONE:
            self.found[done.project, migrate_counts.READY if done.done
                       else done.code] += 1


def failed_stacks(context, tallies, project=None):
    """Read the root stacks that are not COMPLETE.

    :param tallies: what migrate_counts.tally has found: without such stacks
        they are not searched, which takes as long as the tally
    """
    if any(tally.state in migrate_counts.NOT_COMPLETE for tally in tallies):
        return migrate_counts.get_failed(context, project)
    return []


def count_with_failed(context, tallies, project=None):
    """As WithFailed, but by rows alone; returns what it has found."""
    found = collections.Counter()
    for stack in failed_stacks(context, tallies, project):
        state = migrate_counts.READY
        try:
            convergence_migrate.check_failed(context, stack.id)
        except migrate_exception.DATABASE_ERRORS:
            raise
        except migrate_exception.StackNotFound:
            # Deleted meanwhile.
            continue
        except Exception as exc:
            state = migrate_events.code_of(exc)
        found[stack.tenant, state] += 1
    return found


def show_with_failed(found, form):
    """Print what WithFailed has found, if there is anything."""
    rows = sorted(found.items(), key=lambda item: (item[0][0] or '',
                                                   item[0][1]))
    if form == 'prometheus':
        print(prometheus.failed(found), end='')
    elif form == 'json':
        for (project, state), roots in rows:
            print(json.dumps({'with_failed': state, 'project': project,
                              'roots': roots}))
    elif form == 'table' and rows:
        print('Not COMPLETE, by what migrate-convergence-1 --failed would do:')
        for project, of_project in itertools.groupby(
                rows, key=lambda item: item[0][0]):
            _project(project)
            print(_ROOTS % _COLUMNS[:2])
            for (_project_id, state), roots in of_project:
                print(_ROOTS % (state, roots))


def show_leftovers(leftovers, form):
    """Print heat.db.migrate.leftovers.Leftover rows, if there are any."""
    if form == 'json':
        for leftover in leftovers:
            print(json.dumps(leftover._asdict()))
        return
    if not leftovers or form != 'table':
        return
    print('Nested stacks that are left over:')
    for leftover in leftovers:
        print('  %s  %s  %s' % (
            leftover.id, leftover.leftover, columns.shortened(
                leftover.name or '-', _NAME)))
        _detail('project', leftover.project)
        _detail('nested in', leftover.owner_id)
        for stack_id in leftover.shared_with[:_SHARED]:
            _detail('same resources as', stack_id)
        if leftover.shared_with[_SHARED:]:
            _detail('and', migrate_text.count(
                len(leftover.shared_with) - _SHARED, 'other stack'))
    print('What to do about each: heat-manage migrate-convergence-1 --all '
          '--dry-run')


def _project(project):
    print('Project %s' % report.printable(project or '-'))


def _detail(what, value):
    print('    %s %s' % (what, report.printable(value or '-')))
