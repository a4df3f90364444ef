#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Run Heat's own unit tests with the overlay in front of Heat.

The tests come from the source distribution of the installed Heat; the code
under test is the installed Heat. A test that does not pass with the overlay is
run without it as well, and must end the same way. The same is done with tests
that --always names, even if they pass: the overlay may hide a failure of the
stock Heat.
"""

import argparse
from concurrent import futures
from importlib import metadata
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

from packaging import requirements
import stestr_run

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
DISTRIBUTION = 'openstack-heat'

#: The folder of source distributions and logs, by the version of Heat.
WORKDIR = CHECKOUT / '.tox' / 'heat-tests'

#: What Heat's test-requirements.txt lists that its unit tests do not import.
NOT_FOR_UNIT_TESTS = ('bandit', 'coverage', 'hacking', 'tempest')

#: Replaces heat/__init__.py beside the tests: everything but heat.tests comes
#: from the ``heat`` in the rest of sys.path.
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
        if hasattr(tarfile, 'data_filter'):
            tar.extraction_filter = tarfile.data_filter
        tar.extractall(archive.parent)
    for entry in (tree / 'heat').iterdir():
        if entry.is_dir() and entry.name != 'tests':
            shutil.rmtree(entry)
        elif entry.is_file():
            entry.unlink()
    (tree / 'heat' / '__init__.py').write_text(HEAT_INIT)
    return tree


def leave_out(tree, modules):
    """Delete the test modules that a regular expression does not match.

    stestr imports all modules, several times, to find a few tests in them.
    """
    tests = tree / 'heat' / 'tests'
    for path in tests.rglob('test_*.py'):
        name = '.'.join(path.relative_to(tree).with_suffix('').parts)
        if not re.search(modules, name + '.'):
            path.unlink()
    # As the first module of the whole suite does: it chooses the threads.
    with open(tests / '__init__.py', 'a') as package:
        package.write('from heat.tests import common  # noqa: F401\n')


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
    """Return the environment variables of a run."""
    env = {name: value for name, value in os.environ.items()
           if name not in ('PYTHONPATH', 'OS_TEST_PATH')}
    if overlay:
        env['PYTHONPATH'] = str(CHECKOUT)
    return stestr_run.with_interpreter(env)


def check_activation(tree, overlay):
    """Check that the overlay is in front of Heat only if it should be.

    :raises Failed: when the overlay is in front and should not be, or is
        not and should be.
    """
    probe = subprocess.run([sys.executable, '-c', PROBE], cwd=tree, text=True,
                           env=environment(overlay), capture_output=True)
    if probe.returncode:
        raise Failed('Heat cannot be imported from %s: %s'
                     % (tree, probe.stderr.strip()))
    if probe.stdout.strip() != str(overlay):
        raise Failed('the overlay is %s of the Heat in this environment; '
                     'see "heat-overlay status"'
                     % ('not in front' if overlay else 'in front'))


def run(tree, name, overlay, arguments):
    """Run tests once.

    :param arguments: of ``stestr run``
    :returns: {test id: [status]}; the tracebacks are in NAME.log beside
        the tree.
    :raises Failed: when stestr cannot list or run the tests.
    """
    check_activation(tree, overlay)
    log_path = tree.parent / (name + '.log')
    count = stestr_run.run(
        arguments, tree, environment(overlay), log_path,
        lambda message, *args: say(name + ': ' + message, *args))
    say('%s: %s', name, count)
    results = count.statuses()
    if not results or any(test.startswith('stestr ') for test in results):
        raise Failed('the tests do not run; see %s' % log_path)
    return results


def listed(tree, regex):
    """List the tests that exist without the overlay.

    One that is run for many values is listed once, without a value.
    """
    listing = subprocess.run(
        [sys.executable, '-m', 'stestr', 'list'] + regex, cwd=tree,
        env=environment(False), capture_output=True, text=True)
    if listing.returncode:
        raise Failed('stestr lists no tests in %s: %s'
                     % (tree, listing.stderr.strip()))
    return listing.stdout.splitlines()


def without_overlay(listed, overlay, always=None):
    """Choose the tests to run without the overlay.

    :param listed: the names of all tests, without values.
    :param overlay: {test id: [status]} of the run with the overlay.
    :param always: a regular expression of tests to run in any case.
    :returns: a set of names without values, which is what stestr can select.
    """
    ran = {without_value(name) for name in overlay}
    return set(listed) - ran | {
        without_value(name) for name in overlay
        if set(overlay[name]) != {'success'}
        or always and re.search(always, name)}


def without_value(name):
    """The name under which a test that runs for many values is listed."""
    return name.partition('(')[0]


def run_again(tree, names, concurrency):
    """Run some tests without the overlay.

    :returns: {test id: [status]}.
    """
    if not names:
        return {}
    chosen = tree.parent / 'again.txt'
    chosen.write_text('\n'.join(sorted(names)) + '\n')
    return run(tree, 'stock', False, ['--load-list', str(chosen),
                                      '--concurrency', str(concurrency)])


def differences(stock, overlay):
    """Compare two runs.

    :returns: one line for each test that did not end the same way.
    """
    return ['%s: %s without the overlay, %s with it' % (
        test, ', '.join(stock.get(test, ['not run'])),
        ', '.join(overlay.get(test, ['not run'])))
        for test in sorted(set(stock) | set(overlay))
        if stock.get(test) != overlay.get(test)]


def compare(workdir=WORKDIR, concurrency=0, regex=(), always=None,
            modules=None):
    """Run Heat's unit tests with the overlay, and again without.

    Without the overlay all tests are listed, and those run that
    :func:`without_overlay` chooses.

    :param modules: the modules with tests, as a regular expression; None for
        all
    :returns: how many tests ended the same way, and a line for each that did
        not.
    :raises Failed: when the tests could not be run.
    """
    regex = list(regex)
    version = metadata.version(DISTRIBUTION)
    workdir = workdir.resolve() / version
    workdir.mkdir(parents=True, exist_ok=True)
    tree = unpack(fetch(version, workdir))
    if modules:
        leave_out(tree, modules)
    install_requirements(tree)
    # A list needs it, and does not make it.
    subprocess.run([sys.executable, '-m', 'stestr', 'init'], cwd=tree,
                   check=True)
    with futures.ThreadPoolExecutor(1) as pool:
        # The run also begins with a list, which takes one processor.
        listing = pool.submit(listed, tree, regex)
        overlay = run(tree, 'overlay', True,
                      ['--concurrency', str(concurrency)] + regex)
        again = without_overlay(listing.result(), overlay, always)
    stock = {name: overlay[name] for name in overlay
             if without_value(name) not in again}
    stock.update(run_again(tree, again, concurrency))
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
        '--always', metavar='REGEX',
        help='run these without the overlay too, whether they pass or not')
    parser.add_argument(
        'regex', nargs='*', help='run only the tests that match')
    return parser


def main():
    args = build_parser().parse_args()
    try:
        different = compare(args.workdir, args.concurrency, args.regex,
                            args.always)[1]
    except Failed as exc:
        say('error: %s', exc)
        return 2
    return 1 if different else 0


if __name__ == '__main__':
    sys.exit(main())
