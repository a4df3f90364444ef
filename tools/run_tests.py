# SPDX-License-Identifier: Apache-2.0

"""Run everything that must pass, and count it.

unit        our unit tests
functional  our tests through the HTTP API: on a sandbox, and on two engines
            with RabbitMQ and each of MariaDB and PostgreSQL
heat        Heat's own unit tests, without and with the overlay
releases    our tests on each older release of Heat: all on the oldest, and
            on the others those that see most of Heat, with updates through
            real engines; "tox -e heat24" runs all on one

Backends that cannot be reached are left out, and named. With
CI_REQUIRE_BACKENDS=1 that is a failure. HEAT_TEST_MYSQL_URL,
HEAT_TEST_POSTGRESQL_URL and HEAT_TEST_RABBIT_URL name other servers than
those on 127.0.0.1.
"""

import argparse
import dataclasses
import os
import pathlib
import subprocess
import sys
import time

import heat_unit_tests
from stestr.repository import abstract
from stestr.repository import util
import subunit
import testtools

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
FUNCTIONAL = r'^heat\.tests\.functional\.'

#: What is not part of that, and has a tox environment of its own.
BY_ITSELF = r'\.guides\.test_image\.'

#: Test processes at a time, on two processors, where servers are waited for.
WAITING = '3'

_ALL = r'^heat\.tests\.'

#: The unit tests but those with Heat's simulator, which take half of the time,
#: and the functional ones that see most of Heat.
_TELLING = (r'^heat\.tests\.(test_|migrate\.test_(?!simulator)|functional\.'
            r'(lockstep\.(test_oracle\.SQLite|test_differential)|'
            r'test_update_deployment\.MySQLUpdateTest))')

#: Which tests run on which release, besides the newest one in .venv.
ON_RELEASES = {'22': _ALL, '24': _TELLING, '25': _TELLING, '26': _TELLING}

#: Prints the name of each backend that cannot be reached, one a line.
PROBE = '''\
from heat.tests.functional.harness import broker
from heat.tests.functional.harness import databases
for name in (databases.MYSQL, databases.POSTGRESQL):
    if not databases.reachable(name):
        print(name)
if not broker.reachable():
    print('rabbitmq')
'''


@dataclasses.dataclass(frozen=True)
class Count:
    """How the tests of some runs ended: a number, and names of the rest."""

    passed: int = 0
    failed: tuple = ()
    skipped: tuple = ()

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed,
                     self.skipped + other.skipped)

    def __str__(self):
        return '%d passed, %d failed, %d skipped' % (
            self.passed, len(self.failed), len(self.skipped))


def say(message, *args):
    print('run_tests: ' + message % args, flush=True)


def required():
    return os.environ.get('CI_REQUIRE_BACKENDS', '') not in ('', '0')


def environment():
    """Put the overlay in front in every process that a step starts."""
    return dict(os.environ, PYTHONPATH=str(CHECKOUT),
                PYTHONWARNINGS='ignore')


def unreachable_backends():
    """Tell which servers the functional tests will have to do without."""
    probe = subprocess.run(
        [sys.executable, '-c', PROBE], cwd=CHECKOUT, env=environment(),
        check=True, stdout=subprocess.PIPE, text=True)
    return probe.stdout.split()


def recorded_runs():
    """Open the runs that stestr has recorded in this checkout.

    :returns: (the repository or None, the number of runs in it).
    """
    try:
        repository = util.get_repo_open(repo_url=str(CHECKOUT))
    except abstract.RepositoryNotFound:
        return None, 0
    return repository, repository.count()


def results(run):
    """Count the results in a run that stestr has recorded."""
    passed, failed, skipped = [], [], []
    kept = {'success': passed, 'xfail': passed, 'skip': skipped, 'exists': []}
    summary = testtools.StreamToDict(
        lambda test: kept.get(test['status'], failed).append(test['id']))
    summary.startTestRun()
    subunit.ByteStreamToStreamResult(run.get_subunit_stream()).run(summary)
    summary.stopTestRun()
    return Count(len(passed), tuple(failed), tuple(skipped))


def stestr(*args):
    """Run tests of ours, showing each."""
    return recorded(sys.executable, '-m', 'stestr', 'run', *args)


def recorded(*command):
    """Run a command that runs stestr, and count what stestr records.

    A run that ends badly has at least one failure, even when no test of it
    could be loaded and nothing was recorded.
    """
    before = recorded_runs()[1]
    status = subprocess.run(command, cwd=CHECKOUT,
                            env=environment()).returncode
    repository, after = recorded_runs()
    count = Count()
    if after > before:
        count = results(repository.get_latest_run())
    if status and not count.failed:
        count += Count(failed=(
            '%s: exit status %d' % (' '.join(command), status),))
    return count


def unit():
    """Run our unit tests."""
    return stestr('--concurrency', '2', '--exclude-regex', FUNCTIONAL)


def functional():
    """Run our tests through the HTTP API; they start real servers."""
    count = stestr('--concurrency', WAITING, '--exclude-regex', BY_ITSELF,
                   FUNCTIONAL)
    if required():
        count = Count(count.passed, count.failed + tuple(
            '%s: skipped, and all are required' % name
            for name in count.skipped))
    return count


def heat():
    """Compare Heat's own unit tests without and with the overlay."""
    try:
        same, different = heat_unit_tests.compare(concurrency=2)
    except heat_unit_tests.Failed as exc:
        return Count(failed=(str(exc),))
    return Count(same, tuple(different))


def releases():
    """Run tests of ours on the older releases of Heat, with tox."""
    total = Count()
    for release, regex in ON_RELEASES.items():
        count = recorded(sys.executable, '-m', 'tox', '-q', '-e',
                         'heat' + release, '--', '--concurrency', WAITING,
                         '--exclude-regex', BY_ITSELF, regex)
        total += dataclasses.replace(count, failed=tuple(
            '%s on Heat %s' % (name, release) for name in count.failed))
    return total


STEPS = {'unit': unit, 'functional': functional, 'heat': heat,
         'releases': releases}


def build_parser():
    parser = argparse.ArgumentParser(
        prog='run_tests.sh', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: ./run_tests.sh unit')
    parser.add_argument('step', nargs='*', choices=[[], *STEPS],
                        metavar='STEP', help='default: %s' % ' '.join(STEPS))
    return parser


def main():
    steps = build_parser().parse_args().step or list(STEPS)
    counts = {}
    left_out = unreachable_backends() if 'functional' in steps else []
    if left_out and required():
        say('error: cannot reach %s, and CI_REQUIRE_BACKENDS is set',
            ', '.join(left_out))
        return 1
    for step in steps:
        say('%s: %s', step, STEPS[step].__doc__)
        started = time.monotonic()
        counts[step] = STEPS[step]()
        say('%s: %s in %d s', step, counts[step],
            time.monotonic() - started)
    if 'functional' in steps:
        say('left out, because they cannot be reached: %s',
            ', '.join(left_out) or 'no backend')
    total = sum(counts.values(), Count())
    for name in total.failed:
        say('failed: %s', name)
    say('%s: %s', 'FAILED' if total.failed else 'OK', total)
    return 1 if total.failed else 0


if __name__ == '__main__':
    sys.exit(main())
