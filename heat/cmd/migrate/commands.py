# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The commands of heat-manage that convert stacks, and their options."""

import argparse
import functools
import os
import sys
import time
import uuid

from oslo_config import cfg
from oslo_log import log as logging

from heat.cmd.migrate import checks
from heat.cmd.migrate import engines
from heat.cmd.migrate import outcome
from heat.cmd.migrate import progress
from heat.cmd.migrate import report
from heat.cmd.migrate import run
from heat.cmd.migrate import status
from heat.cmd.migrate import workers
from heat.common import context as heat_context
from heat.db import migrate_census
from heat.engine import resources

LOG = logging.getLogger(__name__)

# So few stacks are done before worker processes would be of any use.
FEW = 8

_EXIT_STATUS = """\
exit status:
  0  all of the stacks are %(kind)s stacks now (with --dry-run: can be)
  1  run it again: some were left because they are not in a sane state (an
     operation is in progress, or the last one failed), or a signal or
     --limit ended the run before the last stack
  2  something failed or stays refused, or the arguments are wrong
"""

_MIGRATE_EPILOG = """\
examples:
  heat-manage migrate-convergence-1 --all --dry-run
      tell what would be converted, and what would not and why
  heat-manage migrate-convergence-1 6fe7ad0a-7a5b-44a8-b67a-a4d3d6a0a001
      convert one stack with everything nested below it
  heat-manage migrate-convergence-1 --all --limit 10
      convert the ten oldest that can be, to begin with
  heat-manage migrate-convergence-1 --all --max-rate 5 \\
      --pause-file /run/heat/pause --format json > converted.jsonl
      drain the cloud gently; "touch /run/heat/pause" makes it wait
  jq -r 'select(.code == "in_progress").id' converted.jsonl
      which stacks to run again later
  heat-manage migrate-convergence-1 --verify --all
      tell which convergence stacks have rows that their template denies

""" + _EXIT_STATUS % {'kind': 'convergence'}

_REVERT_EPILOG = """\
examples:
  heat-manage revert-convergence-1 --all --dry-run
      tell which stacks can become legacy again, and why others cannot
  heat-manage revert-convergence-1 6fe7ad0a-7a5b-44a8-b67a-a4d3d6a0a001
      make it legacy again, with everything nested below it

""" + _EXIT_STATUS % {'kind': 'legacy'}


def command(function):
    """Make a command of heat-manage's from a function that returns a status.

    One line on standard error tells what keeps it from running; anything
    else that goes wrong is a bug, whose traceback goes to the log.

    :param function: takes the parsed arguments, returns an exit status
    """
    @functools.wraps(function)
    def guarded(args):
        try:
            checks.log_elsewhere_than_stdout()
            with checks.database_errors():
                return function(args)
        except checks.CommandError as exc:
            print('ERROR: %s' % report.printable(exc), file=sys.stderr)
        except BrokenPipeError:
            # Who reads the report is gone; Python would fail once more when
            # it flushes at the end.
            report.give_up_stdout()
        except Exception as exc:
            LOG.exception('heat-manage failed')
            print('ERROR: %s: %s' % (type(exc).__name__, report.printable(
                outcome.one_line(exc))), file=sys.stderr)
        return report.FAILED
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
            args, outcome.VERIFY if args.verify else outcome.REPAIR,
            convergence=True, become='as they should be').main()
    return _Migration(args, outcome.PLAN if args.dry_run else outcome.CONVERT,
                      convergence=False, become='convergence').main()


# heat-manage revert-convergence-1: the way back, with the same contract.
@command
def do_revert(args):
    return _Migration(
        args, outcome.PLAN_REVERT if args.dry_run else outcome.REVERT,
        convergence=True, become='legacy').main()


# heat-manage convergence-status: counts stacks and writes nothing. Ends with
# 0, or with 2 when the database cannot be used; --deep may be stopped: 1.
@command
def do_status(args):
    checks.check_database()
    context = heat_context.get_admin_context()
    tallies = migrate_census.tally(context, args.project)
    complete = True
    if args.deep:
        tallies, complete = _plan_all(context, args.project, tallies)
    status.show(tallies, args.format)
    if not complete:
        _warn('Stopped by a signal: not every ready stack was looked at.')
    return report.DONE if complete else report.RUN_AGAIN


def _plan_all(context, project, tallies):
    """Plan every legacy tree; returns tallies, and whether all were."""
    planned = status.Planned(context, tallies)
    total = migrate_census.count_roots(context, project=project)
    show = progress.of(planned, total, bar=total > 1)
    resources.initialise()
    with run.Stop().on_signals() as stop:
        going = run.Run(run.all_stacks(context, project=project),
                        _staff(outcome.PLAN, None, total), planned.add, show,
                        run.Pace(), stop)
        try:
            going.go()
        finally:
            show.close()
    return planned.tallies, going.complete


def _staff(action, size, total, notify=False):
    """Who does it: worker processes, or this process if they do not pay."""
    if size is None and total <= FEW:
        return workers.InProcess(action, notify)
    return workers.Processes(
        action, min(size or os.cpu_count(), max(total, 1)), notify)


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

    def main(self):
        """Do what the arguments say; returns the exit status."""
        ids = self._check_arguments()
        checks.check_database()
        context = heat_context.get_admin_context()
        total = (migrate_census.count_roots(
            context, self._convergence, self._args.project)
            if self._args.all else len(ids))
        stacks = (run.all_stacks(context, self._convergence,
                                 self._args.project)
                  if self._args.all else run.named_stacks(context, ids))
        return self._run(stacks, total, self._workers(context, total))

    def _check_arguments(self):
        """Return the ids, each once.

        :raises CommandError: when the arguments do not fit together
        """
        args = self._args
        if args.all and args.stack_id:
            raise checks.CommandError(
                'Give the ids of stacks or --all, but not both.')
        if not (args.all or args.stack_id):
            raise checks.CommandError(
                'Give the id of at least one stack, or --all.')
        if args.project and not args.all:
            raise checks.CommandError('--project goes with --all only.')
        here = [option for option in ('dry_run', 'verify', 'repair')
                if getattr(args, option, False)]
        if len(here) > 1:
            raise checks.CommandError('Give only one of --dry-run, --verify '
                                      'and --repair.')
        if self._via_engines and here:
            raise checks.CommandError(
                '--%s runs in this process: leave --via-engines out.'
                % here[0].replace('_', '-'))
        return list(dict.fromkeys(map(_normalized, args.stack_id)))

    def _workers(self, context, total):
        size = self._args.workers
        if self._via_engines:
            checks.connect_to_engines()
            return engines.Engines(engines.hosts_up(context), size,
                                   warn=_warn)
        if self._action.outcome == outcome.CONVERTED:
            _warn_of_unguarded_engines(context)
        notify = checks.can_notify()
        # Before they fork: what is loaded now, the workers share.
        resources.initialise()
        return _staff(self._action, size, total, notify)

    def _run(self, stacks, total, staff):
        args = self._args
        kept = self._action.outcome == outcome.PLANNED or not args.all
        counts = report.FORMATS[args.format](
            self._become, kept)
        show = progress.of(counts, min(total, args.limit or total),
                           bar=total > 1 and not (
                               args.format == 'json' and sys.stdout.isatty()))
        begun = time.monotonic()
        with run.Stop().on_signals() as stop:
            going = run.Run(stacks, staff, counts.add, show,
                            run.Pace(args.max_rate, args.pause_file), stop,
                            args.limit)
            try:
                going.go()
            finally:
                show.close()
                counts.end(time.monotonic() - begun)
        if not going.complete:
            _warn('Ended before the last stack (%s): run the command again to '
                  'go on.' % ('stopped by a signal' if stop.requested else
                              '--limit'))
        return counts.exit_status(going.complete)


def _warn(line):
    print(report.printable(line), file=sys.stderr, flush=True)


def _warn_of_unguarded_engines(context):
    """Say what this run cannot keep engines from; see heat.engine.service."""
    hosts = engines.hosts_listed(context)
    if hosts and not cfg.CONF.migrate_on_update:
        _warn('Engines are running (%s), and here migrate_on_update is false. '
              'An engine without it does not notice that a stack is converted '
              'while it begins an operation on it: set it to true for all '
              'engines (migrate_on_update_projects limits what it converts), '
              'or stop them.' % ', '.join(hosts))


def _normalized(stack_id):
    try:
        return str(uuid.UUID(stack_id))
    except ValueError:
        raise checks.CommandError(
            '%s is not the id of a stack: an id looks like %s ("openstack '
            'stack list" shows it beside the name).'
            % (stack_id, '6fe7ad0a-7a5b-44a8-b67a-a4d3d6a0a001'))


def _positive(kind):
    def parse(text):
        number = kind(text)
        if not number > 0:
            raise ValueError(text)
        return number
    # argparse says "invalid NAME value".
    parse.__name__ = 'positive number'
    return parse


def _add_parser(subparsers, name, function, text, epilog, **kwargs):
    parser = subparsers.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + '.',
        epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter,
        **kwargs)
    parser.set_defaults(func=function)
    return parser


def _add_selection(parser):
    parser.add_argument('stack_id', nargs='*', metavar='STACK_ID',
                        help='id of a root stack')
    parser.add_argument('--all', action='store_true',
                        help='every root stack that there is something to do '
                             'for, oldest first')
    parser.add_argument('--project', metavar='ID',
                        help='with --all, only the stacks of this project')


def _add_run_options(parser):
    parser.add_argument('--dry-run', action='store_true',
                        help='check and plan, and print what would change or '
                             'why it cannot; nothing is written')
    parser.add_argument('--limit', type=_positive(int), metavar='N',
                        help='change at most so many stacks; those that '
                             'have to be left do not count')
    parser.add_argument('--workers', type=_positive(int), metavar='N',
                        help='processes (default: one for each core, and '
                             'this process alone for up to %d stacks)' % FEW)
    parser.add_argument('--max-rate', type=_positive(float), metavar='N',
                        help='begin at most so many stacks a second')
    parser.add_argument('--pause-file', metavar='PATH',
                        help='begin no stack while this file exists')
    _add_format(parser, 'table at the end, or one JSON object a stack as a '
                        'line at once (default: %(default)s)')


def _add_format(parser, text):
    parser.add_argument('--format', choices=sorted(report.FORMATS),
                        default='table', help=text)


def add_migrate_parser(subparsers, run_as):
    """Add ``migrate-convergence-1`` under both of its names."""
    # argparse refuses a name twice, and Heat's own command has this one.
    subparsers.choices.pop('migrate_convergence_1', None)
    parser = _add_parser(
        subparsers, 'migrate-convergence-1', run_as(do_migrate),
        'convert legacy root stacks to convergence, with everything nested '
        'below them', _MIGRATE_EPILOG, aliases=['migrate_convergence_1'])
    _add_selection(parser)
    _add_run_options(parser)
    parser.add_argument('--verify', action='store_true',
                        help='convert nothing; compare the stored graph of '
                             'convergence stacks with their templates')
    parser.add_argument('--repair', action='store_true',
                        help='convert nothing; store the graph anew where '
                             'it differs, also for stacks that an older '
                             'Heat converted without it')
    parser.add_argument('--via-engines', action='store_true',
                        help='hand the stacks to the running engines, which '
                             'convert them on their own hosts; --workers is '
                             'then how many are in hand at a time (default: '
                             'one for each engine process)')


def add_revert_parser(subparsers, run_as):
    """Add ``revert-convergence-1``."""
    parser = _add_parser(
        subparsers, 'revert-convergence-1', run_as(do_revert),
        'make convergence root stacks legacy again, with everything nested '
        'below them', _REVERT_EPILOG)
    _add_selection(parser)
    _add_run_options(parser)


def add_status_parser(subparsers, run_as):
    """Add ``convergence-status``."""
    parser = _add_parser(
        subparsers, 'convergence-status', run_as(do_status),
        'count convergence and legacy stacks by project, and what keeps '
        'legacy ones from being converted', status.EPILOG)
    parser.add_argument('--project', metavar='ID',
                        help='only the stacks of this project')
    parser.add_argument('--deep', action='store_true',
                        help='load and plan every legacy stack, to find what '
                             'its rows alone do not tell (slow)')
    _add_format(parser, 'table, or one JSON object a line (default: '
                        '%(default)s)')


def add_parsers(subparsers, run_as):
    """Add all of the commands.

    :param run_as: makes, of a function that takes the parsed arguments and
        returns an exit status, what is to be called for the command
    """
    add_migrate_parser(subparsers, run_as)
    add_revert_parser(subparsers, run_as)
    add_status_parser(subparsers, run_as)
