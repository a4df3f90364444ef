# SPDX-License-Identifier: Apache-2.0

"""The arguments of the commands of heat-manage, and their --help."""

import argparse
import textwrap

from heat.cmd.migrate import epilogs
from heat.cmd.migrate import report
from heat.cmd.migrate import run
from heat.db.migrate import counts as migrate_counts

#: The names of the commands.
NAMES = frozenset(('migrate-convergence-1', 'migrate_convergence_1',
                   'revert-convergence-1', 'convergence-status'))


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
    """Seconds, from a number with the unit s, m or h (default: s)."""
    unit = {'s': 1, 'm': 60, 'h': 3600}.get(text[-1:])
    seconds = float(text[:-1] if unit else text) * (unit or 1)
    if not 0 < seconds < float('inf'):
        raise ValueError(text)
    return seconds


_duration.__name__ = 'duration (for example 90s, 10m or 1h)'


def _add_parser(subparsers, name, function, text, epilog, usage, **kwargs):
    # A wrong argument prints the usage: a list of all options would hide what
    # is wrong.
    parser = subparsers.add_parser(
        name, help=text, epilog=epilog, usage='%(prog)s [options] ' + usage,
        description=textwrap.fill(text[0].upper() + text[1:] + '.', 79),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **kwargs)
    parser.set_defaults(func=function)
    return parser


# Besides the options, in the usage of a command.
_STACKS = '[STACK_ID ...]'


def _add_selection(parser):
    """Add the options that select stacks; returns their group."""
    group = parser.add_argument_group('which stacks')
    group.add_argument('stack_id', nargs='*', metavar='STACK_ID',
                       help='id of a root stack; - reads ids from standard '
                            'input, the first word of each line')
    group.add_argument('--all', action='store_true',
                       help='all root stacks that the command applies to, '
                            'oldest first')
    group.add_argument('--project', metavar='ID',
                       help='with --all, only the stacks of this project')
    return group


def _add_modes(parser):
    """Add the options for the action on each stack; returns their group."""
    group = parser.add_argument_group('what to do')
    group.add_argument('--dry-run', action='store_true',
                       help='print what would change, or why it cannot; '
                            'write nothing')
    group.add_argument('--unprotected', action='store_true',
                       help='continue if an engine does not answer or has no '
                            'migrate_protection')
    return group


def _add_pace(parser, of_limit=''):
    group = parser.add_argument_group('pace')
    group.add_argument('--limit', type=_positive(int), metavar='N',
                       help='stop after changing N stacks%s; refused stacks '
                            'are not counted' % of_limit)
    group.add_argument('--workers', type=_positive(int), metavar='N',
                       help='number of processes (default: one for each '
                            'core; for up to %d stacks, this process alone)'
                       % run.FEW)
    group.add_argument('--max-rate', type=_positive(float), metavar='N',
                       help='begin at most N stacks a second')
    group.add_argument('--pause-file', metavar='PATH',
                       help='begin no stack while this file exists')
    group.add_argument('--stack-timeout', type=_duration, metavar='DURATION',
                       help='give up a stack that takes longer (90s, 10m, '
                            '1h; default: 5m). Up to %d stacks have no '
                            'limit unless this or --workers is given. '
                            '--via-engines ignores it: see '
                            'rpc_response_timeout'
                            % run.FEW)
    group.add_argument('--retry', type=_duration, metavar='DURATION',
                       default=0,
                       help='try a busy stack again until it is changed, at '
                            'most this long after its first try (90s, 10m, '
                            '1h)')


def _add_output(parser):
    group = parser.add_argument_group('output')
    _add_format(group, 'text at the end, or one line of JSON for each stack '
                       'as soon as it is done (default: %(default)s)')
    group.add_argument('--long', action='store_true',
                       help='list every stack, with its project, its size '
                            'and the time that it took')
    group.add_argument('--by', choices=['project'],
                       help='add a summary for each project')
    group.add_argument('--report', metavar='FILE.html',
                       help='also write a page for a browser; only the user '
                            'who runs the command can read it; with '
                            '--project it names no host and no engine')


def _add_format(group, text, *more):
    group.add_argument('--format', choices=sorted({*report.FORMATS, *more}),
                       default='table', help=text)


def add_migrate(subparsers, function):
    """Add ``migrate-convergence-1`` under both of its names."""
    # Heat's own command has this name, and argparse refuses a name twice.
    subparsers.choices.pop('migrate_convergence_1', None)
    parser = _add_parser(
        subparsers, 'migrate-convergence-1', function,
        'convert legacy root stacks to convergence, with every stack nested '
        'in them', epilogs.MIGRATE, _STACKS, aliases=['migrate_convergence_1'])
    stacks = _add_selection(parser)
    stacks.add_argument('--failed', action='store_true',
                        help='also convert stacks whose last operation '
                             'failed or was interrupted; such a conversion '
                             'cannot be reverted until the stack is COMPLETE '
                             '(see the operator guide)')
    stacks.add_argument('--ignore-unreferenced', action='store_true',
                        help='leave out nested stacks that no resource of '
                             'their owner names; they stay legacy')
    modes = _add_modes(parser)
    modes.add_argument('--verify', action='store_true',
                       help='convert nothing; check that the rows of '
                            'convergence stacks have what their next '
                            'operation needs')
    modes.add_argument('--repair', action='store_true',
                       help='convert nothing; add what --verify finds '
                            'missing, also in stacks that Heat 19 to 21 '
                            'converted')
    modes.add_argument('--via-engines', action='store_true',
                       help='have the running engines convert the stacks, on '
                            'their own hosts; --workers is then the number '
                            'of stacks at a time (default: one for each '
                            'engine process)')
    _add_pace(parser, ' (with --verify: after checking N)')
    _add_output(parser)


def add_revert(subparsers, function):
    """Add ``revert-convergence-1``."""
    parser = _add_parser(
        subparsers, 'revert-convergence-1', function,
        'make converted root stacks legacy again, with every stack nested in '
        'them', epilogs.REVERT, _STACKS)
    stacks = _add_selection(parser)
    stacks.add_argument('--from', metavar='FILE', dest='from_run',
                        help='the stacks that one run converted: FILE has '
                             'what the run printed with --format json; - is '
                             'standard input')
    stacks.add_argument('--include-native', action='store_true',
                        help='with --all, also convergence stacks that no '
                             'known conversion made')
    _add_modes(parser)
    _add_pace(parser)
    _add_output(parser)


def add_status(subparsers, function):
    """Add ``convergence-status``."""
    parser = _add_parser(
        subparsers, 'convergence-status', function,
        'count convergence and legacy stacks, by project and by the reason '
        'that prevents a conversion', epilogs.STATUS, '')
    stacks = parser.add_argument_group('which stacks')
    stacks.add_argument('--project', metavar='ID',
                        help='only the stacks of this project')
    stacks.add_argument('--list', metavar='STATE',
                        choices=migrate_counts.STATES,
                        help='print the id, project and name of each root '
                             'stack in this state; no_root and adopted '
                             'print nested stacks. A table shortens long '
                             'projects and names. The states are ' +
                             ', '.join(migrate_counts.STATES))
    stacks.add_argument('--deep', action='store_true',
                        help='load and plan every legacy stack, to find '
                             'reasons that its rows do not show (slow)')
    _add_format(parser.add_argument_group('output'),
                'table, one JSON object a line, or metrics for the textfile '
                'collector of Prometheus (default: %(default)s)',
                'prometheus')


def add_all(subparsers, run_as):
    """Add all of the commands.

    :param run_as: returns the function to call for a command. It is called
        with the name of a function of heat.cmd.migrate.commands, which takes
        the parsed arguments and returns an exit status
    """
    add_migrate(subparsers, run_as('do_migrate'))
    add_revert(subparsers, run_as('do_revert'))
    add_status(subparsers, run_as('do_status'))


def for_the_reference():
    """A parser with all of the commands, for the reference page."""
    parser = argparse.ArgumentParser(prog='heat-manage')
    subparsers = parser.add_subparsers()
    add_all(subparsers, lambda name: None)
    # They become headings.
    for command in subparsers.choices.values():
        for group in command._action_groups:
            group.title = group.title.capitalize()
        for action in command._actions:
            # The help of an option with a metavar names its choices.
            if action.metavar:
                action.choices = None
    return parser
