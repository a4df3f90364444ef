# SPDX-License-Identifier: Apache-2.0

"""Check that the arguments of a run over stacks fit together."""

from heat.cmd.migrate import errors
from heat.cmd.migrate import ids as stack_ids


def check(args):
    """Return the ids of the stacks that are named, each once.

    :param args: the arguments of migrate-convergence-1 or
        revert-convergence-1; each has options that the other lacks
    :raises CommandError: when they do not fit together
    """
    _check_selection(args, getattr(args, 'from_run', None) is not None)
    _check_mode(args)
    return stack_ids.read(args.stack_id)


def _check_selection(args, from_run):
    if args.all and args.stack_id:
        raise errors.CommandError(
            'Give the ids of stacks or --all, but not both.')
    if from_run and (args.all or args.stack_id):
        raise errors.CommandError(
            '--from names the stacks: leave --all and the ids out.')
    if not (args.all or args.stack_id or from_run):
        raise errors.CommandError(
            'Give the id of at least one stack, or --all.')
    for option in ('project', 'include_native'):
        if getattr(args, option, None) and not args.all:
            raise errors.CommandError('%s needs --all.' % _as_typed(option))


def _check_mode(args):
    here = _given(args, 'dry_run', 'verify', 'repair')
    if len(here) > 1:
        raise errors.CommandError('Give only one of --dry-run, --verify and '
                                  '--repair.')
    if args.retry and here:
        raise errors.CommandError('--retry cannot be combined with %s.'
                                  % here[0])
    of_conversion = _given(args, 'ignore_unreferenced', 'failed')
    if of_conversion and _given(args, 'verify', 'repair'):
        raise errors.CommandError('%s is for a conversion: leave %s out.'
                                  % (of_conversion[0], here[0]))
    here += of_conversion
    if here and getattr(args, 'via_engines', False):
        raise errors.CommandError(
            '%s runs in this process: leave --via-engines out.' % here[0])


def _given(args, *options):
    return [_as_typed(option) for option in options
            if getattr(args, option, False)]


def _as_typed(option):
    return '--' + option.replace('_', '-')
