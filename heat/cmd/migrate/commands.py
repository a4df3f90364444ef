# SPDX-License-Identifier: Apache-2.0

"""The commands of heat-manage that convert stacks, and their options."""

import contextlib
import functools
import sys
import time

from oslo_log import log as logging

from heat.cmd.migrate import actions
from heat.cmd.migrate import broker
from heat.cmd.migrate import convergence_status
from heat.cmd.migrate import database
from heat.cmd.migrate import engines
from heat.cmd.migrate import errors
from heat.cmd.migrate import from_run
from heat.cmd.migrate import html_report
from heat.cmd.migrate import ids as stack_ids
from heat.cmd.migrate import log
from heat.cmd.migrate import outcome
from heat.cmd.migrate import parsers
from heat.cmd.migrate import progress
from heat.cmd.migrate import protection
from heat.cmd.migrate import report
from heat.cmd.migrate import run
from heat.cmd.migrate import summary
from heat.cmd.migrate import workers
from heat.common import context as heat_context
from heat.common.migrate import text as migrate_text
from heat.common.migrate import version as migrate_version
from heat.db.migrate import counts as migrate_counts
from heat.db.migrate import leftovers as migrate_leftovers
from heat.engine.migrate import events as migrate_events

LOG = logging.getLogger(__name__)


def command(function):
    """Make a command of heat-manage's from a function that returns a status.

    One line on standard error tells what keeps it from running; anything
    else that goes wrong is a bug, whose traceback goes to the log.

    :param function: takes the parsed arguments, returns an exit status
    """
    @functools.wraps(function)
    def guarded(args):
        try:
            log.log_elsewhere_than_stdout()
            with database.database_errors():
                return function(args)
        except KeyboardInterrupt:
            # Later ones are for heat.cmd.migrate.run.Stop.
            _warn('Stopped before the first stack: nothing was changed.')
            return summary.RUN_AGAIN
        except errors.CommandError as exc:
            print('ERROR: %s' % report.printable(exc), file=sys.stderr)
        except BrokenPipeError:
            # Who reads the report is gone; Python would fail once more when
            # it flushes at the end.
            report.give_up_stdout()
        except Exception as exc:
            LOG.exception('heat-manage failed')
            print('ERROR: %s: %s' % (type(exc).__name__, report.printable(
                errors.one_line(exc))), file=sys.stderr)
        return summary.FAILED
    return guarded


# heat-manage migrate-convergence-1, also as migrate_convergence_1: converts
# the named root stacks, or every legacy one, with all that is nested below
# them. Needs no engine and may run beside engines and beside itself. Nothing
# but the converter's one transaction a stack is written. Ends with 0, 1 or 2
# as its help says.
@command
def do_migrate(args):
    if args.verify or args.repair:
        return _Migration(
            args, actions.VERIFY if args.verify else actions.REPAIR,
            convergence=True, become='ok').main()
    action = actions.PLAN if args.dry_run else actions.CONVERT
    if args.ignore_unreferenced:
        action = actions.ignoring_unreferenced(action)
    if args.failed:
        action = actions.with_failed(action)
    return _Migration(args, action, convergence=False,
                      become='convergence').main()


# heat-manage revert-convergence-1: the way back, with the same contract. With
# --all it takes what a conversion made, by the stack event that it left.
@command
def do_revert(args):
    return _Migration(
        args, actions.PLAN_REVERT if args.dry_run else actions.REVERT,
        convergence=True, become='legacy').main()


# heat-manage convergence-status: counts stacks and writes nothing. Ends with
# 0, or with 2 when the database cannot be used; --deep may be stopped: 1.
@command
def do_status(args):
    database.check_database()
    context = heat_context.get_admin_context()
    if args.list:
        if args.deep or args.format == 'prometheus':
            raise errors.CommandError('--list goes neither with --deep nor '
                                      'with --format prometheus.')
        convergence_status.show_stacks(migrate_counts.list_state(
            context, args.list, args.project), args.format)
        return summary.DONE
    tallies = migrate_counts.tally(context, args.project)
    complete = True
    if args.deep:
        tallies, complete = _plan_all(context, args.project, tallies)
    convergence_status.show(tallies, args.format)
    convergence_status.show_with_failed(
        convergence_status.count_with_failed(context, args.project),
        args.format)
    convergence_status.show_leftovers(
        migrate_leftovers.get_all(context, args.project), args.format)
    if not complete:
        _warn('Stopped by a signal: not every ready stack was looked at.')
    return summary.DONE if complete else summary.RUN_AGAIN


def _plan_all(context, project, tallies):
    """Plan every legacy tree; returns tallies, and whether all were."""
    planned = convergence_status.Planned(context, tallies)
    total = migrate_counts.count_roots(context, project=project)
    show = progress.of(planned, total, bar=total > 1)
    with run.Stop().on_signals() as stop:
        going = run.Run(run.all_stacks(context, project=project),
                        workers.staff(actions.PLAN, None, total),
                        planned.add, show, run.Pace(), stop)
        try:
            going.go()
        finally:
            show.close()
    return planned.tallies, going.complete


class _Migration:
    """One run of migrate-convergence-1 or revert-convergence-1.

    :param action: what is done to each stack
    :param convergence: what the stacks are before
    :param become: what they are to be, in a word or a few
    """

    def __init__(self, args, action, convergence, become):
        self._args = args
        self._action = action
        self._convergence = convergence
        self._become = become
        self._via_engines = getattr(args, 'via_engines', False)
        self._from_run = getattr(args, 'from_run', None)

    def main(self):
        """Do what the arguments say; returns the exit status."""
        ids = self._check_arguments()
        database.check_database()
        context = heat_context.get_admin_context()
        stacks, total = self._select(context, ids)
        # Before the first stack: a page that cannot be written ends the run.
        # And before the workers, or Ctrl-C would end one with a traceback.
        with self._page() as page, run.Stop().on_signals() as stop:
            return self._run(stacks, total, self._workers(context, total),
                             page, stop)

    def _page(self):
        if not self._args.report:
            return contextlib.nullcontext()
        return html_report.Page(self._args.report, self._action.title,
                                self._args.project)

    def _select(self, context, ids):
        """Return the stacks as an iterator, and their number."""
        if self._from_run is not None:
            stacks = from_run.converted_in(self._from_run)
            return iter(stacks), len(stacks)
        if not self._args.all:
            return run.named_stacks(context, ids), len(ids)
        kind = (self._convergence, self._args.project,
                None if getattr(self._args, 'include_native', True)
                else migrate_events.CONVERSION)
        check = functools.partial(self._check_engines, context)
        return (run.all_stacks(context, *kind, before_next=check),
                migrate_counts.count_roots(context, *kind))

    def _check_arguments(self):
        """Return the ids, each once.

        :raises CommandError: when the arguments do not fit together
        """
        args = self._args
        if args.all and args.stack_id:
            raise errors.CommandError(
                'Give the ids of stacks or --all, but not both.')
        if self._from_run is not None and (args.all or args.stack_id):
            raise errors.CommandError(
                '--from says which stacks: leave --all and the ids out.')
        if not (args.all or args.stack_id or self._from_run is not None):
            raise errors.CommandError(
                'Give the id of at least one stack, or --all.')
        if args.project and not args.all:
            raise errors.CommandError('--project goes with --all only.')
        if getattr(args, 'include_native', False) and not args.all:
            raise errors.CommandError('--include-native goes with --all '
                                      'only.')
        here = [option for option in ('dry_run', 'verify', 'repair')
                if getattr(args, option, False)]
        if len(here) > 1:
            raise errors.CommandError('Give only one of --dry-run, --verify '
                                      'and --repair.')
        if args.retry and here:
            raise errors.CommandError('--retry goes with no --%s.'
                                      % here[0].replace('_', '-'))
        if getattr(args, 'ignore_unreferenced', False):
            if 'verify' in here or 'repair' in here:
                raise errors.CommandError('--ignore-unreferenced goes with a '
                                          'conversion only.')
            here.append('ignore_unreferenced')
        if getattr(args, 'failed', False):
            if args.verify or args.repair:
                raise errors.CommandError('--failed is for a conversion: '
                                          'leave --verify and --repair out.')
            here.append('failed')
        if self._via_engines and here:
            raise errors.CommandError(
                '--%s runs in this process: leave --via-engines out.'
                % here[0].replace('_', '-'))
        return stack_ids.read(args.stack_id)

    def _workers(self, context, total):
        size = self._args.workers
        if self._via_engines:
            broker.connect_to_engines()
            hosts = engines.hosts_up(context)
        if total:
            self._check_engines(context)
        if self._via_engines:
            return engines.Engines(hosts, size, warn=_warn)
        notify = broker.can_notify()
        return workers.staff(self._action, size, total, notify)

    def _check_engines(self, context):
        """See that no engine would overlook what becomes of the stacks.

        :raises Unprotected: when one would
        """
        if self._action.outcome in (outcome.CONVERTED, outcome.REVERTED):
            protection.check(context, self._args.unprotected, _warn)

    def _run(self, stacks, total, staff, page, stop):
        args = self._args
        counts = report.FORMATS[args.format](
            self._become, not args.all and self._from_run is None,
            args.long, args.by == 'project')
        self._begin(counts, total, staff)
        show = progress.of(counts, total, limit=args.limit,
                           bar=total > 1 and not (
                               args.format == 'json' and sys.stdout.isatty()))
        begun = time.monotonic()

        def add(outcome):
            counts.add(outcome)
            if page:
                page.add(outcome)

        going = run.Run(stacks, staff, add, show,
                        run.Pace(args.max_rate, args.pause_file), stop,
                        args.limit, args.retry)
        unprotected = None
        try:
            going.go()
        except protection.Unprotected as exc:
            unprotected = exc
        finally:
            show.close()
            counts.end(time.monotonic() - begun)
        status = counts.exit_status(going.complete)
        if unprotected:
            _warn('ERROR: Ended before the last stack: %s' % unprotected)
            status = summary.FAILED
        elif not going.complete:
            _warn('Ended before the last stack (%s): run the command again to '
                  'go on.' % ('stopped by a signal' if stop.requested else
                              '--limit'))
        LOG.info('Run ended with exit status %(status)d: %(summary)s', {
            'status': status,
            'summary': next(counts.summary(time.monotonic() - begun))})
        return status

    def _begin(self, counts, total, staff):
        """Say what begins: to who runs it, and in the log."""
        what = (self._action.title, migrate_text.count(total, 'stack'),
                migrate_text.count(staff.size, 'worker'))
        counts.begin(['%s: %s, %s' % what, migrate_version.both(),
                      'Database %s' % database.shown()])
        LOG.info('Run begins: %(what)s, %(stacks)s, %(workers)s',
                 dict(zip(('what', 'stacks', 'workers'), what)))


def _warn(line):
    print(report.printable(line), file=sys.stderr, flush=True)


def add_parsers(subparsers, run_as):
    """Add all of the commands.

    :param run_as: makes, of a function that takes the parsed arguments and
        returns an exit status, what is to be called for the command
    """
    parsers.add_migrate(subparsers, run_as(do_migrate))
    parsers.add_revert(subparsers, run_as(do_revert))
    parsers.add_status(subparsers, run_as(do_status))
