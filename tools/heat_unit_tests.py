#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Run Heat's own unit tests without and with the overlay, and compare.

The tests come from the source distribution of the installed Heat; the code
under test is the installed Heat, with the overlay in front of it in the
second run. Every test must end the same way in both.
"""

import argparse
import hashlib
from importlib import metadata
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import time

from packaging import requirements
import subunit
import testtools

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
DISTRIBUTION = 'openstack-heat'

#: Where source distributions and results are kept, by the version of Heat.
WORKDIR = CHECKOUT / '.tox' / 'heat-tests'
STOCK = 'stock.json'

#: What Heat's test-requirements.txt lists that its unit tests do not import.
NOT_FOR_UNIT_TESTS = ('bandit', 'coverage', 'hacking', 'tempest')

#: Takes the place of heat/__init__.py among the tests: everything but
#: heat.tests is whatever ``heat`` the rest of sys.path has.
HEAT_INIT = '''\
import importlib.machinery
import importlib.util
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path
               if os.path.abspath(entry or '.') != os.path.dirname(_here)]
_spec = importlib.machinery.PathFinder.find_spec(__name__, sys.path)
_heat = importlib.util.module_from_spec(_spec)
sys.modules[__name__] = _heat
_spec.loader.exec_module(_heat)
sys.modules[__name__].__path__.insert(0, _here)
'''

#: Prints whether the overlay is in front of the Heat that the tests import.
PROBE = '''\
import heat.engine
import sys
overlay = sys.modules.get('heat.overlay')
print(overlay is not None and overlay.refusal() is None)
'''

PROGRESS = 1000  # tests between two lines


class Failed(Exception):
    """The tests could not be run at all."""


def say(message, *args):
    print('heat-unit: ' + message % args, flush=True)


def pip(*args):
    command = [sys.executable, '-m', 'pip', '--quiet',
               '--disable-pip-version-check'] + list(args)
    if subprocess.run(command).returncode:
        raise Failed('%s does not work' % ' '.join(command))


def fetch(version, workdir):
    """Download Heat's source distribution, unless it is there already.

    :returns: the path of the archive.
    """
    name = 'openstack_heat-%s.tar.gz' % version
    archive = workdir / name
    if not archive.exists():
        say('downloading the source distribution of Heat %s', version)
        pip('download', '--no-deps', '--no-binary', DISTRIBUTION,
            '--dest', str(workdir), '%s==%s' % (DISTRIBUTION, version))
    if not archive.exists():
        raise Failed('pip left no %s in %s' % (name, workdir))
    return archive


def unpack(archive):
    """Unpack the tests of a source distribution, without the code they test.

    :returns: the directory to run stestr in.
    """
    tree = archive.with_name(archive.name.removesuffix('.tar.gz'))
    if tree.exists():
        shutil.rmtree(tree)
    with tarfile.open(archive) as tar:
        tar.extractall(archive.parent, filter='data')
    for entry in (tree / 'heat').iterdir():
        if entry.is_dir() and entry.name != 'tests':
            shutil.rmtree(entry)
        elif entry.is_file():
            entry.unlink()
    (tree / 'heat' / '__init__.py').write_text(HEAT_INIT)
    return tree


def install_requirements(tree):
    """Install what Heat's unit tests import and this environment lacks."""
    missing = []
    for line in (tree / 'test-requirements.txt').read_text().splitlines():
        line = line.partition('#')[0].strip()
        if not line:
            continue
        wanted = requirements.Requirement(line)
        if wanted.name in NOT_FOR_UNIT_TESTS:
            continue
        try:
            satisfied = wanted.specifier.contains(
                metadata.version(wanted.name), prereleases=True)
        except metadata.PackageNotFoundError:
            satisfied = False
        if not satisfied:
            missing.append(str(wanted))
    if missing:
        say('installing %s for the tests of Heat', ', '.join(missing))
        pip('install', *missing)


def environment(overlay):
    """Tell the environment variables of a run."""
    env = {name: value for name, value in os.environ.items()
           if name not in ('PYTHONPATH', 'OS_TEST_PATH', 'PYTHON')}
    if overlay:
        env['PYTHONPATH'] = str(CHECKOUT)
    return env


def check_activation(tree, overlay):
    """Make sure that a run tests what it says it tests.

    :raises Failed: when the overlay is in front and should not be, or is
        not and should be.
    """
    probe = subprocess.run([sys.executable, '-c', PROBE], cwd=tree, text=True,
                           env=environment(overlay), stdout=subprocess.PIPE)
    if probe.returncode:
        raise Failed('Heat cannot be imported from %s' % tree)
    if probe.stdout.strip() != str(overlay):
        raise Failed('the overlay is %s of the Heat in this environment; '
                     'see "heat-overlay status"'
                     % ('not in front' if overlay else 'in front'))


def run(tree, name, overlay, concurrency, regex):
    """Run the tests once.

    :returns: {test id: [status]}; the tracebacks are in NAME.log beside
        the tree.
    :raises Failed: when stestr cannot list or run the tests.
    """
    check_activation(tree, overlay)
    log_path = tree.parent / (name + '.log')
    results = {}
    started = time.monotonic()

    def on_test(test):
        if test['status'] == 'exists':  # stestr lists the tests first
            return
        # Heat has tests with the same id.
        statuses = results.setdefault(test['id'], [])
        statuses.append(test['status'])
        statuses.sort()
        if test['status'] not in ('success', 'skip', 'xfail'):
            log.write('%(id)s: %(status)s\n' % test)
            for text in test['details'].values():
                log.write(text.as_text() + '\n')
        if len(results) % PROGRESS == 0:
            say('%s: %d tests, %d s', name, len(results),
                time.monotonic() - started)

    command = [sys.executable, '-m', 'stestr', 'run', '--subunit',
               '--concurrency', str(concurrency)] + regex
    with open(log_path, 'w') as log:
        stestr = subprocess.Popen(command, cwd=tree, env=environment(overlay),
                                  stdout=subprocess.PIPE, stderr=log)
        summary = testtools.StreamToDict(on_test)
        summary.startTestRun()
        subunit.ByteStreamToStreamResult(
            stestr.stdout, non_subunit_name='stdout').run(summary)
        summary.stopTestRun()
        status = stestr.wait()
    results.pop('stdout', None)
    if status or not results:
        raise Failed('stestr ended with status %d after %d tests; see %s'
                     % (status, len(results), log_path))
    say('%s: %s in %d s', name, counts(results), time.monotonic() - started)
    return results


def counts(results):
    """Describe results, as in "12 success, 1 fail"."""
    statuses = list(itertools.chain.from_iterable(results.values()))
    return ', '.join('%d %s' % (statuses.count(status), status) for status
                     in sorted(set(statuses), key=statuses.count)[::-1])


def differences(stock, overlay):
    """Compare two runs.

    :returns: one line for each test that did not end the same way.
    """
    return ['%s: %s without the overlay, %s with it' % (
        test, ', '.join(stock.get(test, ['not run'])),
        ', '.join(overlay.get(test, ['not run'])))
        for test in sorted(set(stock) | set(overlay))
        if stock.get(test) != overlay.get(test)]


def fingerprint(regex):
    """Name what the result of stock Heat depends on, to keep it for later."""
    installed = sorted('%s==%s' % (dist.name, dist.version)
                       for dist in metadata.distributions()
                       if dist.name != 'heat-convergence-migrate')
    text = '\n'.join([sys.version] + installed + regex)
    return hashlib.sha256(text.encode()).hexdigest()


def run_stock(tree, concurrency, regex):
    """Run the tests without the overlay, or recall how they ended before."""
    kept_path = tree.with_name(STOCK)
    key = fingerprint(regex)
    if kept_path.exists():
        kept = json.loads(kept_path.read_text())
        if kept['key'] == key:
            say('stock: %s, kept from an earlier run',
                counts(kept['results']))
            return kept['results']
    results = run(tree, 'stock', False, concurrency, regex)
    kept_path.write_text(json.dumps({'key': key, 'results': results}))
    return results


def compare(workdir=WORKDIR, concurrency=0, fresh=False, regex=()):
    """Run Heat's unit tests without and with the overlay.

    :param fresh: run stock Heat again even if its result has been kept.
    :returns: how many tests ended the same way, and a line for each that did
        not.
    :raises Failed: when the tests could not be run.
    """
    regex = list(regex)
    version = metadata.version(DISTRIBUTION)
    workdir = workdir.resolve() / version
    workdir.mkdir(parents=True, exist_ok=True)
    if fresh:
        (workdir / STOCK).unlink(missing_ok=True)
    tree = unpack(fetch(version, workdir))
    install_requirements(tree)
    stock = run_stock(tree, concurrency, regex)
    overlay = run(tree, 'overlay', True, concurrency, regex)
    different = differences(stock, overlay)
    for line in different:
        say('%s', line)
    if different:
        say('the tracebacks are in %s', workdir)
    same = len(set(stock) | set(overlay)) - len(different)
    say('Heat %s: %d tests end alike without and with the overlay, %d do not',
        version, same, len(different))
    return same, different


def build_parser():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python tools/heat_unit_tests.py test_engine_service')
    parser.add_argument(
        '--workdir', type=pathlib.Path, default=WORKDIR,
        help='where the source distribution and the results are kept '
             '(%(default)s)')
    parser.add_argument(
        '--concurrency', type=int, default=0,
        help='test processes; 0, the default, is one for each processor')
    parser.add_argument(
        '--fresh', action='store_true',
        help='run stock Heat again even if its result has been kept')
    parser.add_argument(
        'regex', nargs='*', help='run only the tests that match')
    return parser


def main():
    args = build_parser().parse_args()
    try:
        different = compare(args.workdir, args.concurrency, args.fresh,
                            args.regex)[1]
    except Failed as exc:
        say('error: %s', exc)
        return 2
    return 1 if different else 0


if __name__ == '__main__':
    sys.exit(main())
