#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Compare many random stacks: native ones, and converted ones.

It runs heat.tests.functional.lockstep.test_differential, or with --failed
test_failed_differential, in several processes with different seeds. It writes
the counts to a CSV file, or adds a line for each process to one. The exit
status is 1 when a stack differed, a process failed or nothing was compared. An
interrupt ends it early, with the counts so far.
"""

import argparse
import collections
import contextlib
import csv
import datetime
import importlib.metadata
import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import tempfile
import time

import pairs

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
TESTS = 'heat.tests.functional.lockstep.'
TEST = (TESTS + 'test_differential.DifferentialTest.'
        'test_converted_stack_lives_as_a_native_one')
TEST_OF_FAILED = (TESTS + 'test_failed_differential.RandomTest.'
                  'test_a_failed_stack_lives_on_as_a_native_one')
DIFFERENCES = 'differences'
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
PROGRESS = 60  # seconds between two lines
DATABASES = {'sqlite': 'SQLite', 'mysql': 'MariaDB',
             'postgresql': 'PostgreSQL'}
BY_NAME = {pair.name: pair for pair in pairs.PAIRS}
FAULTS = 'faults of '
#: The columns of the file of all runs.
RUN = ('Day', 'Heat', 'Database', 'Seed', 'Asked for', 'Pairs', 'Operations',
       'Faults of Heat', 'Differences', 'Minutes', 'CPU minutes')


def say(message, *args):
    print('differential: ' + message % args, flush=True)


@contextlib.contextmanager
def interpreter(pair):
    """Find the interpreter with the Heat to test.

    :param pair: a name of pairs.PAIRS; None for this interpreter
    :returns: its path, and the release of Heat
    """
    if pair is None:
        yield sys.executable, importlib.metadata.version(
            'openstack-heat').partition('.')[0]
        return
    pair = BY_NAME[pair]
    with pairs.environment(pair, pairs.find_python(pair.python)) as own:
        yield str(own), pair.heat


def start(python, args, seed, figures):
    """Start a process that compares its share of the pairs of stacks."""
    return subprocess.Popen(
        [python, '-m', 'testtools.run', test_of(args)], cwd=CHECKOUT,
        env=dict(
            os.environ, PYTHONPATH=str(CHECKOUT), PYTHONWARNINGS='ignore',
            # Heat iterates over sets of names.
            PYTHONHASHSEED=str(seed % 2**32), HEAT_TEST_SEED=str(seed),
            HEAT_TEST_DATABASE=args.database,
            HEAT_TEST_EXAMPLES=str(share(args)),
            HEAT_TEST_FIGURES=str(figures)))


def test_of(args):
    """The name of the test to run."""
    return TEST_OF_FAILED if args.failed else TEST


def share(args):
    """How many pairs of stacks each process compares."""
    return -(-args.examples // args.processes)


def total(paths):
    """Sum up the figures of all processes.

    :returns: a Counter, and a list of the differences in words.
    """
    counts, differences = collections.Counter(), []
    for path in paths:
        if path.exists():
            found = json.loads(path.read_text())
            differences.extend(found.pop(DIFFERENCES))
            counts.update(found)
    return counts, differences


def wait(processes, paths):
    """Wait for the end of all processes, or for an interrupt.

    :returns: whether none of them has failed.
    """
    printed = time.monotonic()
    try:
        while any(process.poll() is None for process in processes):
            time.sleep(1)
            if time.monotonic() - printed > PROGRESS:
                printed = time.monotonic()
                counts, differences = total(paths)
                say('%d root stacks, %d operations, %d differences',
                    counts['root stacks'], counts['operations'],
                    len(differences))
    except KeyboardInterrupt:
        for number in _SIGNALS:
            # The processes end at once; until then another one is ignored.
            signal.signal(number, signal.SIG_IGN)
        say('interrupted')
        for process in processes:
            process.terminate()
            process.wait()
        return True
    return not any(process.returncode for process in processes)


def write(path, counts, differences):
    """Write the figures in the form of the documentation."""
    with open(path, 'w', newline='') as out:
        table = csv.writer(out, lineterminator='\n')
        table.writerow(('What', 'Number'))
        table.writerow((DIFFERENCES, len(differences)))
        table.writerows(sorted(counts.items()))


def add_run(path, args, heat, seed, figures):
    """Add the run of a process to a file; these runs can be repeated."""
    counts, differences = total([figures])
    if not counts and not differences:
        return
    is_new = not path.exists()
    with open(path, 'a', newline='') as out:
        table = csv.writer(out, lineterminator='\n')
        if is_new:
            table.writerow(RUN)
        table.writerow((
            datetime.date.today(), heat, DATABASES[args.database], seed,
            share(args), counts['root stacks'] + len(differences),
            counts['operations'],
            sum(count for what, count in counts.items()
                if what.startswith(FAULTS)),
            len(differences), *(round(counts[time] / 60, 1)
                                for time in ('seconds', 'CPU seconds'))))


def build_parser():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python tools/differential.py --examples 100')
    parser.add_argument('--examples', type=int, default=2000,
                        help='how many root stacks to compare (%(default)s)')
    parser.add_argument('--failed', action='store_true',
                        help='stacks with an operation that failed, was '
                        'cancelled, or whose engine was killed')
    parser.add_argument('--database', choices=DATABASES, default='sqlite',
                        help='where the stacks are (%(default)s)')
    parser.add_argument('--pair', choices=BY_NAME,
                        help='another Heat and Python: '
                        'a pair of ./run_tests.sh --help')
    parser.add_argument('--processes', type=int, default=2,
                        help='processes that share them (%(default)s)')
    parser.add_argument('--seed', type=int,
                        help='repeat a run; the default is another each time')
    parser.add_argument('--csv', type=pathlib.Path,
                        help='where to write the figures (default: nowhere)')
    parser.add_argument('--runs', type=pathlib.Path,
                        help='where to add a line for each process')
    return parser


def main():
    args = build_parser().parse_args()
    seed = secrets.randbits(32) if args.seed is None else args.seed
    say('seed %d', seed)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seeds = range(seed, seed + args.processes)
    with tempfile.TemporaryDirectory() as folder, \
            interpreter(args.pair) as (python, heat):
        paths = [pathlib.Path(folder, '%d.json' % of) for of in seeds]
        passed = wait([start(python, args, of, path)
                       for of, path in zip(seeds, paths)], paths)
        counts, differences = total(paths)
        if args.runs:
            for of, path in zip(seeds, paths):
                add_run(args.runs, args, heat, of, path)
    for difference in differences:
        say('DIFFERENT: %s', difference)
    if args.csv:
        write(args.csv, counts, differences)
    say('%d root stacks compared, %d operations, %d differences',
        counts['root stacks'], counts['operations'], len(differences))
    return 0 if passed and counts and not differences else 1


if __name__ == '__main__':
    sys.exit(main())
