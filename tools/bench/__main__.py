# SPDX-License-Identifier: Apache-2.0

"""Command line of the benchmark."""

import argparse
import concurrent.futures
import contextlib
import itertools
import json
import multiprocessing
import tempfile

from heat.tests.functional.harness import databases
from heat import version
from tools.bench import earlier
from tools.bench import parts
from tools.bench import tables

_DESCRIPTION = """\
Measure the conversion of legacy stacks, beside what Heat itself has for it.

It counts the commands to the database, and measures processor time and time.
Nothing in it is a test: look at the ratios, which compare what ran in turn on
one machine.
"""

_EPILOG = """\
parts:
%s

examples:
  python -m tools.bench --part tree --case 'flat 1000' --database mysql
      one tree, in a minute
  python -m tools.bench --json bench.json && python -m tools.bench.figure \\
      bench.json doc/source/contributor
      everything, half an hour and more, and the figures of the documentation

The databases are made on the servers of the functional tests
(HEAT_TEST_MYSQL_URL, HEAT_TEST_POSTGRESQL_URL) and dropped at the end. The
file keeps what it holds, except what is measured anew. So it can be written
with one Heat after the other.
""" % '\n'.join('  %-6s  %s' % (name, part.measure.__doc__.splitlines()[0])
                for name, part in parts.PARTS.items())


def build_parser():
    parser = argparse.ArgumentParser(
        prog='python -m tools.bench', description=_DESCRIPTION,
        epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--part', nargs='+', choices=parts.PARTS,
                        default=list(parts.PARTS), help='measure these parts')
    parser.add_argument('--case', nargs='+', help='measure only these cases, '
                        'for instance \'flat 1000\'')
    parser.add_argument('--database', nargs='+', choices=databases.BACKENDS,
                        help='default: all that can be reached')
    parser.add_argument('--rounds', type=int, default=5,
                        help='default: %(default)s')
    parser.add_argument('--added-ms', nargs='+', type=float, default=[0, 1],
                        metavar='MS', help='milliseconds that each command to '
                        'a server takes longer (default: 0 1)')
    parser.add_argument('--json', metavar='FILE', default='bench.json',
                        help='the results (default: %(default)s)')
    return parser


def _cases(args, database, added_ms):
    for name in args.part:
        part = parts.PARTS[name]
        if database not in part.backends:
            continue
        if not added_ms:
            cases = part.cases
        else:
            cases = part.far if database != databases.SQLITE else ()
        for case in cases:
            if not args.case or case in args.case:
                yield name, case


def _measure(args):
    """Yield results; each database has a process with a Heat of its own."""
    release = version.version_info.release_string()
    backends = args.database or filter(databases.reachable,
                                       databases.BACKENDS)
    with tempfile.TemporaryDirectory() as folder:
        earlier.check_out(folder)
        for backend, added_ms in itertools.product(backends, args.added_ms):
            yield from _measure_on(args, backend, added_ms, folder, release)


def _measure_on(args, backend, added_ms, folder, release):
    cases = list(_cases(args, backend, added_ms))
    if cases:
        with databases.Database(backend) as database, (
                concurrent.futures.ProcessPoolExecutor(
                    1, multiprocessing.get_context('spawn'))) as pool:
            for part, case in cases:
                costs = pool.submit(
                    parts.measure, database.url, added_ms, folder, part,
                    case, args.rounds).result()
                yield {'part': part, 'database': backend, 'heat': release,
                       'case': case, 'added_ms': added_ms, 'costs': costs}


def _subject(result):
    """What a result is about: a new one replaces another one of the same."""
    return tuple(value for key, value in result.items() if key != 'costs')


def _line(result):
    return '%s: %s' % (' '.join(map(str, _subject(result))), '; '.join(
        ', '.join([name] + ['%.5g %s' % (tables.median(result, name, what),
                                         what)
                            for what, found in cost.items()
                            if found[0] is not None])
        for name, cost in result['costs'].items()))


def main():
    args = build_parser().parse_args()
    results = {}
    with contextlib.suppress(FileNotFoundError), open(args.json) as source:
        results = {_subject(result): result for result in json.load(source)}
    for result in _measure(args):
        results[_subject(result)] = result
        print(_line(result), flush=True)
        # A whole run may take an hour.
        with open(args.json, 'w') as output:
            json.dump(list(results.values()), output, indent=1)


if __name__ == '__main__':
    main()
