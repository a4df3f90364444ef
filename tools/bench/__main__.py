# SPDX-License-Identifier: Apache-2.0

"""Measure the conversion of legacy stacks, beside what Heat itself has for it.

It counts the commands to the database, and measures processor time and time.
Nothing in it is a test: look at the ratios, which compare what ran in turn on
one machine. The databases are made on the servers of the functional tests, and
dropped at the end. The file of results keeps what it holds, except what is
measured anew. So it can be written with one Heat after the other.
"""

import argparse
import itertools
import json
import os
import pathlib
import statistics

from heat.tests.functional.harness import databases
from heat.tests.functional.harness import older_overlay
from heat.tests.functional.harness import processes
from heat import version
from tools.bench import parts
from tools.bench import site

_HEAT = version.version_info.release_string()


def _arguments():
    parser = argparse.ArgumentParser(
        prog='python -m tools.bench', description=__doc__,
        epilog='parts:\n' + '\n'.join(
            '  %-6s  %s' % (name, measure.__doc__)
            for name, (measure, _cases) in parts.PARTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--part', nargs='+', choices=parts.PARTS,
                        default=parts.PARTS, help='measure these parts')
    parser.add_argument('--case', nargs='+', help='measure only these cases, '
                        'for instance \'flat 1000\'')
    parser.add_argument('--database', nargs='+', choices=databases.BACKENDS,
                        help='default: all that can be reached')
    parser.add_argument('--rounds', type=int, default=5,
                        help='default: %(default)s')
    parser.add_argument('--json', metavar='FILE', default='bench.json',
                        type=pathlib.Path,
                        help='the results (default: %(default)s)')
    return parser.parse_args()


def _measure(args):
    """Yield results."""
    backends = args.database or filter(databases.reachable,
                                       databases.BACKENDS)
    with older_overlay.OlderOverlay() as older:
        os.symlink(os.path.join(processes.TREE, 'tools'),
                   os.path.join(older.path, 'tools'))
        for backend, added_ms in itertools.product(backends, (0, 1)):
            cases = [(part, case) for part in args.part
                     for case in parts.cases(part, backend, added_ms)
                     if not args.case or case in args.case]
            if cases:
                with site.create(backend, added_ms, older.path) as here:
                    for part, case in cases:
                        yield {'part': part, 'database': backend,
                               'heat': _HEAT, 'case': case,
                               'added_ms': added_ms, 'costs': parts.measure(
                                   here, part, case, args.rounds)}


def _subject(result):
    """What a result is about: a new one replaces another one of the same."""
    return tuple(value for key, value in result.items() if key != 'costs')


def _show(result):
    print(*_subject(result))
    for name, costs in result['costs'].items():
        print('  %s:' % name, ', '.join(
            '%.5g %s' % (statistics.median(found), what)
            for what, found in costs.items() if None not in found), flush=True)


def main():
    args = _arguments()
    known = json.loads(args.json.read_text()) if args.json.exists() else []
    results = {_subject(result): result for result in known}
    for result in _measure(args):
        _show(result)
        results[_subject(result)] = result
        # A whole run may take an hour.
        args.json.write_text(json.dumps(list(results.values()), indent=1))


if __name__ == '__main__':
    main()
