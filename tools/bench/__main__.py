# SPDX-License-Identifier: Apache-2.0

"""Command line of the benchmark."""

import argparse
import concurrent.futures
import json
import multiprocessing
import os
import platform
import sys

from heat.tests.functional.harness import case
from heat.tests.functional.harness import databases
from tools.bench import fleet
from tools.bench import hook
from tools.bench import report
from tools.bench import shapes
from tools.bench import side_by_side
from tools.bench import update_call

_DESCRIPTION = """\
Measure the conversion of legacy stacks, beside what Heat itself has for it.

It prints a table and writes all figures to a JSON file. Nothing in it is a
test: look at the ratios, which compare what ran in turn on one machine.
"""

_EPILOG = """\
parts:
  tree    one stack tree: the converter, Heat's own algorithm and Heat's
          loading of the same stacks, in turn
  hook    what the conversion adds to the update call of an engine
  update  what the hook costs a convergence stack, against the update request
          to a whole Heat (needs RabbitMQ), with and without a Keystone
  fleet   heat-manage migrate-convergence-1 --all on many small stacks

examples:
  python -m tools.bench --quick --database mysql
      about two minutes
  python -m tools.bench --part tree --shape 'flat 1000' --rounds 15
      one figure, with little spread
  python -m tools.bench --json bench.json && python -m tools.bench.figure \\
      bench.json doc/source/contributor
      everything, half an hour and more, and the figures of the documentation
  python -m tools.bench --part fleet --keep --json bench.json
      measure one part anew, for instance when the machine is idle

The databases are made on the servers of the functional tests
(HEAT_TEST_MYSQL_URL, HEAT_TEST_POSTGRESQL_URL) and dropped at the end.
"""

PARTS = ('tree', 'hook', 'update', 'fleet')


def build_parser():
    parser = argparse.ArgumentParser(
        prog='python -m tools.bench', description=_DESCRIPTION,
        epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--part', action='append', choices=PARTS,
        help='measure this; may be given more than once (default: all)')
    parser.add_argument(
        '--database', action='append', choices=databases.BACKENDS,
        help='measure on this database; may be given more than once '
        '(default: all that can be reached)')
    parser.add_argument(
        '--shape', action='append', choices=list(shapes.SHAPES),
        help='measure this stack tree; may be given more than once '
        '(default: all)')
    parser.add_argument(
        '--rounds', type=int, default=7,
        help='how often everything runs (default: %(default)s)')
    parser.add_argument(
        '--fleet', metavar='COUNT,COUNT', default='1000,10000',
        type=lambda text: [int(count) for count in text.split(',')],
        help='how many stacks the fleets have (default: %(default)s)')
    parser.add_argument(
        '--added-ms', type=float, default=1.0, metavar='MS',
        help='measure trees once more with so many milliseconds added to '
        'each round trip to the server; 0 for not at all '
        '(default: %(default)s)')
    parser.add_argument(
        '--quick', action='store_true',
        help='three rounds of three stack trees, a fleet of 100')
    parser.add_argument(
        '--json', metavar='FILE', default='bench.json',
        help='where to write the results (default: %(default)s)')
    parser.add_argument(
        '--keep', action='store_true',
        help='keep what that file holds already, except what is measured anew')
    return parser


def _parse():
    args = build_parser().parse_args()
    args.part = args.part or PARTS
    args.database = args.database or list(filter(databases.reachable,
                                                 databases.BACKENDS))
    args.shape = args.shape or list(
        shapes.QUICK if args.quick else shapes.SHAPES)
    if args.quick:
        args.rounds = 3
        args.fleet = [100]
    return args


def _in_a_process(function, *args):
    """Call a function in a new process: Heat's database is set only once."""
    with concurrent.futures.ProcessPoolExecutor(
            1, multiprocessing.get_context('spawn')) as pool:
        return pool.submit(function, *args).result()


def _on_database(backend, function, *args):
    with databases.Database(backend) as database:
        return _in_a_process(function, database.url, *args)


def _trees(backend, args):
    for added_ms in (0, args.added_ms):
        if added_ms and backend == databases.SQLITE:
            continue
        for name in args.shape:
            rounds = min(args.rounds, shapes.ROUNDS.get(name, args.rounds))
            yield {'part': 'tree', 'database': backend,
                   'added_ms': added_ms} | _on_database(
                       backend, side_by_side.run, name, rounds, added_ms)
        if not args.added_ms:
            return


def _others(backend, args):
    common = {'database': backend}
    if 'hook' in args.part:
        for result in _on_database(backend, hook.run, args.rounds):
            yield common | {'part': 'hook'} | result
    if 'update' in args.part and not case.missing_services(backend):
        for identity in update_call.DEPLOYMENTS:
            yield common | {'part': 'update'} | _in_a_process(
                update_call.run, backend, identity, args.rounds)
    if 'fleet' in args.part and backend != databases.SQLITE:
        yield common | {'part': 'fleet'} | _on_database(
            backend, fleet.run, args.fleet, args.rounds)


def _measure(args):
    for backend in args.database:
        if 'tree' in args.part:
            yield from _trees(backend, args)
        yield from _others(backend, args)


def _subject(result):
    """What a result is about: two of the same replace each other."""
    return tuple(result.get(field) for field in (
        'part', 'database', 'added_ms', 'shape', 'stack', 'identity',
        'resources'))


def _kept(path):
    """The results that a file holds, by their subjects."""
    with open(path) as source:
        return {_subject(result): result
                for result in json.load(source)['results']}


def main():
    args = _parse()
    results = _kept(args.json) if args.keep else {}
    for result in _measure(args):
        results[_subject(result)] = result
        print(report.text(result), flush=True)
        _write(args.json, results.values())


def _write(path, results):
    """Write what has been measured so far: it may take an hour."""
    with open(path, 'w') as output:
        json.dump({'python': platform.python_version(),
                   'processors': os.cpu_count(), 'results': list(results)},
                  output, indent=1)


if __name__ == '__main__':
    sys.exit(main())
