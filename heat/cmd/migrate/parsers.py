# SPDX-License-Identifier: Apache-2.0

"""The arguments of the commands of heat-manage, and their --help."""

import argparse

from heat.cmd.migrate import convergence_status
from heat.cmd.migrate import report
from heat.cmd.migrate import workers
from heat.db.migrate import counts as migrate_counts

_EXIT_STATUS = """\
exit status:
  0  all of the stacks are %(kind)s stacks now (with --dry-run: can be)
  1  some stacks are busy: run it again; or they are not in a state to be
     changed: mend them, then run it again. Also when a signal or --limit
     ended the run before the last stack: run it again
  2  something failed or stays refused, the arguments are wrong, or an engine
     runs without the protection
"""

_MIGRATE_EPILOG = """\
examples:
  heat-manage migrate-convergence-1 --all --dry-run
      tell what would be converted, and what would not and why
  heat-manage migrate-convergence-1 6fe7ad0a-7a5b-44a8-b67a-a4d3d6a0a001
      convert one stack with everything nested below it
  heat-manage migrate-convergence-1 --all --limit 10
      convert the ten oldest that can be, to begin with
  heat-manage migrate-convergence-1 --all --failed --dry-run
      tell what would become of stacks that are not COMPLETE, too
  heat-manage migrate-convergence-1 --all --max-rate 5 \\
      --pause-file /run/heat/pause --format json > converted.jsonl
      drain the cloud gently; "touch /run/heat/pause" makes it wait
  jq -r 'select(.code == "in_progress").id' converted.jsonl
      which stacks to run again later
  heat-manage migrate-convergence-1 --all --retry 10m
      try busy stacks again for ten minutes
  heat-manage convergence-status --list failed | \\
      heat-manage migrate-convergence-1 --dry-run -
      tell why, for the stacks in one state
  heat-manage migrate-convergence-1 --verify --all
      tell which convergence stacks lack what their next operation needs

""" + _EXIT_STATUS % {'kind': 'convergence'}

_REVERT_EPILOG = """\
examples:
  heat-manage revert-convergence-1 --all --dry-run
      tell which stacks can become legacy again, and why others cannot
  heat-manage revert-convergence-1 6fe7ad0a-7a5b-44a8-b67a-a4d3d6a0a001
      make it legacy again, with everything nested below it
  heat-manage revert-convergence-1 --from converted.jsonl
      undo one run: converted.jsonl is what migrate-convergence-1 printed
      with --format json

which stacks a conversion made:
  A conversion leaves a stack event, MIGRATE_COMPLETE. --all takes the stacks
  that have it, and no stack that Heat created under convergence. Heat
  deletes the oldest events of a stack beyond max_events_per_stack; a stack
  that has lost this event counts as native. Heat's own old command left no
  event. Name such stacks by id or by --from, or give --include-native.

""" + _EXIT_STATUS % {'kind': 'legacy'}


def _positive(kind):
    def parse(text):
        number = kind(text)
        if not number > 0:
            raise ValueError(text)
        return number
    # argparse says "invalid NAME value".
    parse.__name__ = 'positive number'
    return parse


def _duration(text):
    """Seconds, from a number with s, m or h behind it (or nothing: s)."""
    unit = {'s': 1, 'm': 60, 'h': 3600}.get(text[-1:])
    seconds = float(text[:-1] if unit else text) * (unit or 1)
    if not 0 < seconds < float('inf'):
        raise ValueError(text)
    return seconds


_duration.__name__ = 'duration (for example 90s, 10m or 1h)'


def _add_parser(subparsers, name, function, text, epilog, **kwargs):
    parser = subparsers.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + '.',
        epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter,
        **kwargs)
    parser.set_defaults(func=function)
    return parser


def _add_selection(parser):
    parser.add_argument('stack_id', nargs='*', metavar='STACK_ID',
                        help='id of a root stack; - reads ids from standard '
                             'input, the first word of each line')
    parser.add_argument('--all', action='store_true',
                        help='every root stack that there is something to do '
                             'for, oldest first')
    parser.add_argument('--project', metavar='ID',
                        help='with --all, only the stacks of this project')


def _add_run_options(parser, of_limit=''):
    parser.add_argument('--dry-run', action='store_true',
                        help='check and plan, and print what would change or '
                             'why it cannot; nothing is written')
    parser.add_argument('--limit', type=_positive(int), metavar='N',
                        help='stop after changing N stacks%s; refused stacks '
                             'are not counted' % of_limit)
    parser.add_argument('--workers', type=_positive(int), metavar='N',
                        help='processes (default: one for each core, and '
                             'this process alone for up to %d stacks)'
                        % workers.FEW)
    parser.add_argument('--max-rate', type=_positive(float), metavar='N',
                        help='begin at most N stacks a second')
    parser.add_argument('--pause-file', metavar='PATH',
                        help='begin no stack while this file exists')
    parser.add_argument('--retry', type=_duration, metavar='DURATION',
                        default=0,
                        help='try each busy stack again until it is not, or '
                             'this long (90s, 10m, 1h) after its first try')
    parser.add_argument('--long', action='store_true',
                        help='list every stack, with project, sizes and '
                             'time; the table is wider than 80 characters')
    parser.add_argument('--by', choices=['project'],
                        help='add a summary for each project')
    parser.add_argument('--unprotected', action='store_true',
                        help='go on although an engine is running that does '
                             'not answer or has no migrate_protection')
    parser.add_argument('--report', metavar='FILE.html',
                        help='also write a page for a browser, which only '
                             'this user can read; with --project it names no '
                             'host and no engine')
    _add_format(parser, 'text at the end, or one JSON object a stack as a '
                        'line at once (default: %(default)s)')


def _add_format(parser, text, *more):
    parser.add_argument('--format', choices=sorted({*report.FORMATS, *more}),
                        default='table', help=text)


def add_migrate(subparsers, function):
    """Add ``migrate-convergence-1`` under both of its names."""
    # argparse refuses a name twice, and Heat's own command has this one.
    subparsers.choices.pop('migrate_convergence_1', None)
    parser = _add_parser(
        subparsers, 'migrate-convergence-1', function,
        'convert legacy root stacks to convergence, with everything nested '
        'below them', _MIGRATE_EPILOG, aliases=['migrate_convergence_1'])
    _add_selection(parser)
    _add_run_options(parser, ' (with --verify: after looking at N)')
    parser.add_argument('--failed', action='store_true',
                        help='also convert stacks whose last operation '
                             'failed or was interrupted; such a conversion '
                             'cannot be reverted until the stack is COMPLETE '
                             '(see the operator guide)')
    parser.add_argument('--verify', action='store_true',
                        help='convert nothing; look for what the next '
                             'operation would miss in the rows of '
                             'convergence stacks')
    parser.add_argument('--repair', action='store_true',
                        help='convert nothing; fill in what --verify '
                             'finds, also for stacks that an older Heat '
                             'converted without their graph')
    parser.add_argument('--ignore-unreferenced', action='store_true',
                        help='leave out nested stacks that no resource of '
                             'their owner names; they stay legacy')
    parser.add_argument('--via-engines', action='store_true',
                        help='hand the stacks to the running engines, which '
                             'convert them on their own hosts; --workers is '
                             'then how many are in hand at a time (default: '
                             'one for each engine process)')


def add_revert(subparsers, function):
    """Add ``revert-convergence-1``."""
    parser = _add_parser(
        subparsers, 'revert-convergence-1', function,
        'make converted root stacks legacy again, with everything nested '
        'below them', _REVERT_EPILOG)
    _add_selection(parser)
    parser.add_argument('--from', metavar='FILE', dest='from_run',
                        help='the stacks that one run converted: FILE has '
                             'what it printed with --format json, - is '
                             'standard input')
    parser.add_argument('--include-native', action='store_true',
                        help='with --all, also convergence stacks that no '
                             'known conversion made')
    _add_run_options(parser)


def add_status(subparsers, function):
    """Add ``convergence-status``."""
    parser = _add_parser(
        subparsers, 'convergence-status', function,
        'count convergence and legacy stacks by project, and what keeps '
        'legacy ones from being converted', convergence_status.EPILOG)
    parser.add_argument('--project', metavar='ID',
                        help='only the stacks of this project')
    parser.add_argument('--list', metavar='STATE',
                        choices=migrate_counts.STATES,
                        help='print id, project and name of the root stacks '
                             'in this state: ' + ', '.join(
                                 migrate_counts.STATES))
    parser.add_argument('--deep', action='store_true',
                        help='load and plan every legacy stack, to find what '
                             'its rows alone do not tell (slow)')
    _add_format(parser, 'table, one JSON object a line, or metrics for the '
                        'textfile collector of Prometheus (default: '
                        '%(default)s)', 'prometheus')


def for_the_reference():
    """A parser with all of the commands, of which Sphinx makes a page."""
    parser = argparse.ArgumentParser(prog='heat-manage')
    subparsers = parser.add_subparsers()
    for add in (add_migrate, add_revert, add_status):
        add(subparsers, None)
    return parser
