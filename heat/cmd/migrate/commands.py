# SPDX-License-Identifier: Apache-2.0

"""Run the commands of heat-manage that convert stacks."""

import functools
import sys

from oslo_log import log as logging

from heat.cmd.migrate import actions
from heat.cmd.migrate import convergence_status
from heat.cmd.migrate import database
from heat.cmd.migrate import errors
from heat.cmd.migrate import log
from heat.cmd.migrate import migration
from heat.cmd.migrate import progress
from heat.cmd.migrate import report
from heat.cmd.migrate import run
from heat.cmd.migrate import summary
from heat.cmd.migrate import workers
from heat.common import context as heat_context
from heat.db.migrate import counts as migrate_counts
from heat.db.migrate import leftovers as migrate_leftovers
from heat.db.migrate import roots as migrate_roots

LOG = logging.getLogger(__name__)


def command(function):
    """Make a command of heat-manage's from a function that returns a status.

    An error that keeps it from running is one line on standard error. Any
    other error is a bug, whose traceback goes to the log.

    :param function: takes the parsed arguments, returns an exit status
    """
    @functools.wraps(function)
    def wrapper(args):
        try:
            log.log_elsewhere_than_stdout()
            with database.database_errors():
                return function(args)
        except KeyboardInterrupt:
            # Later ones are for heat.cmd.migrate.run.Stop.
            report.warn(summary.STOPPED)
            return summary.RUN_AGAIN
        except errors.CommandError as exc:
            print('ERROR: %s' % report.printable(exc), file=sys.stderr)
        except BrokenPipeError:
            # The reader of the report is gone. Python would fail again when it
            # flushes standard output at the end.
            report.give_up_stdout()
        except Exception as exc:
            LOG.exception('heat-manage failed')
            print('ERROR: %s: %s' % (type(exc).__name__, report.printable(
                errors.one_line(exc))), file=sys.stderr)
        return summary.FAILED
    return wrapper


# heat-manage migrate-convergence-1, also as migrate_convergence_1: converts
# the named root stacks, or every legacy one, with their nested stacks. It
# needs no engine, and may run beside engines and beside itself. It writes each
# conversion in one transaction, and the event of a refusal in another. Its
# help explains the exit statuses 0, 1 and 2.
@command
def do_migrate(args):
    if args.verify or args.repair:
        return migration.Migration(
            args, actions.VERIFY if args.verify else actions.REPAIR,
            convergence=True, become='ok').main()
    action = actions.PLAN if args.dry_run else actions.CONVERT
    if args.ignore_unreferenced:
        action = actions.ignoring_unreferenced(action)
    if args.failed:
        action = actions.with_failed(action)
    return migration.Migration(args, action, convergence=False,
                               become='convergence').main()


# heat-manage revert-convergence-1: makes stacks legacy again, with the same
# contract. With --all it takes the stacks that have the event of a conversion.
@command
def do_revert(args):
    return migration.Migration(
        args, actions.PLAN_REVERT if args.dry_run else actions.REVERT,
        convergence=True, become='legacy').main()


# heat-manage convergence-status: counts stacks and writes nothing. Exit status
# 0; 2 when the database cannot be used; 1 when --deep was stopped.
@command
def do_status(args):
    database.check_database()
    context = heat_context.get_admin_context()
    if args.list:
        if args.deep or args.format == 'prometheus':
            raise errors.CommandError('--list cannot be combined with --deep '
                                      'or --format prometheus.')
        convergence_status.show_stacks(migrate_counts.list_state(
            context, args.list, args.project), args.format)
        return summary.DONE
    tallies = migrate_counts.tally(context, args.project)
    complete, failed = True, None
    if args.deep:
        tallies, failed, complete = _plan_all(context, args.project, tallies)
    if failed is None:
        failed = convergence_status.count_with_failed(context, tallies,
                                                      args.project)
    convergence_status.show(tallies, args.format)
    convergence_status.show_with_failed(failed, args.format)
    convergence_status.show_leftovers(
        migrate_leftovers.get_all(context, args.project), args.format)
    if not complete:
        report.warn('Stopped by a signal before the last stack.')
    return summary.DONE if complete else summary.RUN_AGAIN


def _plan_all(context, project, tallies):
    """Plan every legacy tree, and with --failed those that need it.

    :returns: the tallies, the counts of the latter (None if a signal came
        before the last one), and whether all were planned
    """
    ready = convergence_status.Planned(context, tallies)
    failed = convergence_status.WithFailed()
    with run.Stop().on_signals() as stop:
        complete = _plan(
            actions.PLAN, run.all_stacks(context, project=project),
            migrate_roots.count_roots(context, project=project), ready, stop)
        if complete:
            stacks = convergence_status.failed_stacks(context, tallies,
                                                      project)
            complete = _plan(
                # No batch takes one of these.
                actions.with_failed(actions.PLAN)._replace(together=None),
                stacks, len(stacks), failed, stop)
    return ready.tallies, failed.found if complete else None, complete


def _plan(action, stacks, total, counts, stop):
    """Plan some stacks; returns whether that was all before a signal."""
    show = progress.of(counts, total, bar=total > 1)
    going = run.Run(stacks, workers.staff(action, None, total), counts.add,
                    show, run.Pace(), stop)
    try:
        going.go()
    finally:
        show.close()
    return going.complete
