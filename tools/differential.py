#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Compare many random stacks: native ones, and converted ones.

Runs heat.tests.functional.lockstep.test_differential in several processes,
each with a seed of its own, and writes what they have tried to a CSV file.
Ends with status 1 when a stack differed, a process failed or nothing was
compared; an interrupt ends it early, with the figures until then.
"""

import argparse
import collections
import csv
import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import tempfile
import time

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
TEST = ('heat.tests.functional.lockstep.test_differential.DifferentialTest.'
        'test_converted_stack_lives_as_a_native_one')
DIFFERENCES = 'differences'
PROGRESS = 60  # seconds between two lines


def say(message, *args):
    print('differential: ' + message % args, flush=True)


def start(examples, seed, figures):
    """Start a process that compares ``examples`` pairs of stacks."""
    return subprocess.Popen(
        [sys.executable, '-m', 'testtools.run', TEST], cwd=CHECKOUT,
        env=dict(os.environ, PYTHONPATH=str(CHECKOUT),
                 PYTHONWARNINGS='ignore', HEAT_TEST_EXAMPLES=str(examples),
                 HEAT_TEST_SEED=str(seed), HEAT_TEST_FIGURES=str(figures)))


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
    told = time.monotonic()
    try:
        while any(process.poll() is None for process in processes):
            time.sleep(1)
            if time.monotonic() - told > PROGRESS:
                told = time.monotonic()
                counts, differences = total(paths)
                say('%d root stacks, %d operations, %d differences',
                    counts['root stacks'], counts['operations'],
                    len(differences))
    except KeyboardInterrupt:
        say('interrupted')
        for process in processes:
            process.terminate()
            process.wait()
        return True
    return not any(process.returncode for process in processes)


def write(path, counts, differences):
    """Write the figures in the form in which the documentation has them."""
    with open(path, 'w', newline='') as out:
        table = csv.writer(out, lineterminator='\n')
        table.writerow(('What', 'Number'))
        table.writerow((DIFFERENCES, len(differences)))
        table.writerows(sorted(counts.items()))


def build_parser():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python tools/differential.py --examples 100')
    parser.add_argument('--examples', type=int, default=2000,
                        help='how many root stacks to compare (%(default)s)')
    parser.add_argument('--processes', type=int, default=2,
                        help='processes that share them (%(default)s)')
    parser.add_argument('--seed', type=int,
                        help='repeat a run; the default is another each time')
    parser.add_argument('--csv', type=pathlib.Path,
                        help='where to write the figures (default: nowhere)')
    return parser


def main():
    args = build_parser().parse_args()
    seed = secrets.randbits(32) if args.seed is None else args.seed
    say('seed %d', seed)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder, '%d.json' % number)
                 for number in range(args.processes)]
        processes = [start(-(-args.examples // args.processes),
                           seed + number, path)
                     for number, path in enumerate(paths)]
        passed = wait(processes, paths)
        counts, differences = total(paths)
    for difference in differences:
        say('DIFFERENT: %s', difference)
    if args.csv:
        write(args.csv, counts, differences)
    say('%d root stacks compared, %d operations, %d differences',
        counts['root stacks'], counts['operations'], len(differences))
    return 0 if passed and counts and not differences else 1


if __name__ == '__main__':
    sys.exit(main())
