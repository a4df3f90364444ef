# SPDX-License-Identifier: Apache-2.0

"""Tell whether this checkout is good.

unit        our unit tests
functional  our tests through the HTTP API: on a sandbox, and on two engines
            with RabbitMQ and each of MariaDB and PostgreSQL; with --all also
            what takes long: each fault at every statement on each database,
            the guides, many stacks
heat        Heat's own unit tests, with the overlay: of what it refines; all
            of them with --all
releases    our tests on older releases of Heat and on other Pythons, only
            with --all or by name: "22-3.12" is Heat 22 on Python 3.12
matrix      the pairs of Heat and Python that are not even part of --all

Servers and Pythons that are not there are left out, and named. With
CI_REQUIRE_BACKENDS=1 that is a failure. HEAT_TEST_MYSQL_URL,
HEAT_TEST_POSTGRESQL_URL and HEAT_TEST_RABBIT_URL name other servers than
those on 127.0.0.1.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import time

import heat_unit_tests
import pairs
import stestr_run

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
LOGS = CHECKOUT / '.test-logs'
UNIT = r'^heat\.tests\.(?!functional\.)'
FUNCTIONAL = r'^heat\.tests\.functional\.'

#: What is not part of that, and has a tox environment of its own.
BY_ITSELF = r'\.guides\.test_(image|debian)\.'

#: What only --all runs: what is run on SQLite in any case and once more on the
#: servers, such as each fault at every statement; many stacks; and the guides
#: and the wheel, which install Heat anew.
DEEP = (r'\.(faults\.(test_crash|test_faults|test_real_faults)\.'
        r'(MySQL|PostgreSQL)|faults\.test_broker_restart\.|'
        r'commands\.(test_command\.(MySQL|PostgreSQL)|test_scale\.)|'
        r'lockstep\.(test_corpus|test_oracle\.PostgreSQL)|'
        r'races\.test_operations\.PostgreSQL|guides\.)')

#: Test processes at a time, on two processors, where servers are waited for.
WAITING = '3'

#: Heat's own tests of what the overlay refines (heat.overlay_releases) and of
#: what a converted stack is run by.
REFINED = (r'^heat\.tests\.(cmd\.|convergence\.|engine\.service\.|'
           r'engine\.test_(engine_worker|check_resource|snapshots)|'
           r'test_(convg_stack|engine_service|stack_lock|stack_update)\.)')

#: Prints the name of each backend that cannot be reached, one a line, and
#: clears up on the others what tests that were killed have left there.
PROBE = '''\
from heat.tests.functional.harness import broker
from heat.tests.functional.harness import databases
for name in (databases.MYSQL, databases.POSTGRESQL):
    if databases.reachable(name):
        databases.drop_leftovers(name)
    else:
        print(name)
if broker.reachable():
    broker.delete_leftovers()
else:
    print('rabbitmq')
'''

SLOWEST = 10


def say(message, *args):
    print('run_tests: ' + message % args, flush=True)


def required():
    return os.environ.get('CI_REQUIRE_BACKENDS', '') not in ('', '0')


def environment():
    """Put the overlay in front in every process that a step starts."""
    return stestr_run.with_interpreter(dict(
        os.environ, PYTHONPATH=str(CHECKOUT), PYTHONWARNINGS='ignore'))


def unreachable_backends():
    """Tell which servers the functional tests will have to do without."""
    probe = subprocess.run(
        [sys.executable, '-c', PROBE], cwd=CHECKOUT, env=environment(),
        check=True, stdout=subprocess.PIPE, text=True)
    return probe.stdout.split()


def stestr(name, *arguments, exclude=BY_ITSELF, env=None):
    """Run tests of ours."""
    return stestr_run.run(
        arguments + ('--exclude-regex', exclude), CHECKOUT,
        env or environment(), LOGS / (name + '.log'),
        lambda message, *args: say(name + ': ' + message, *args))


def with_required(count):
    """Where all backends are required, nothing may be left out."""
    if required():
        for name in count.skipped:
            count += stestr_run.failure(
                '%s: skipped, and all are required' % name)
    return count


def unit(options):
    """Our unit tests."""
    return stestr('unit', '--concurrency', '2', options.only or UNIT)


def functional(options):
    """Our tests through the HTTP API; they start real servers."""
    # With --only that is what was asked for, whatever it is.
    left_out = BY_ITSELF if options.all or options.only else (
        '%s|%s' % (BY_ITSELF, DEEP))
    return with_required(stestr(
        'functional', '--concurrency', WAITING, options.only or FUNCTIONAL,
        exclude=left_out))


def ours(options):
    """Our tests that match."""
    return stestr('ours', '--concurrency', WAITING, options.only)


def heat(options):
    """Heat's own unit tests, with the overlay in front of Heat."""
    regex = options.only or ('' if options.all else REFINED)
    try:
        same, different = heat_unit_tests.compare(
            concurrency=2, regex=[regex] if regex else ())
    except heat_unit_tests.Failed as exc:
        return stestr_run.failure(str(exc))
    return stestr_run.Count(
        (stestr_run.Result('heat', 'success', 0),) * same + tuple(
            stestr_run.Result(line, 'fail', 0) for line in different))


def on_pair(pair, options):
    """Run the tests of a pair in its environment."""
    label = 'Heat %s on Python %s' % (pair.heat, pair.python)
    python = pairs.find_python(pair.python)
    if python is None:
        if required():
            return stestr_run.failure('%s: no such Python here' % label)
        say('%s: left out, there is no Python %s here', label, pair.python)
        return stestr_run.Count()
    say('%s: begins', label)
    began = time.monotonic()
    try:
        with pairs.environment(pair, python) as own:
            installed = time.monotonic()
            count = stestr(pair.name, '--concurrency', WAITING,
                           options.only or pair.tests,
                           env=environment_of(own))
    except pairs.Failed as exc:
        return stestr_run.failure('%s: %s' % (label, exc))
    say('%s: %s in %d s (and %d s to install)', label, count,
        time.monotonic() - installed, installed - began)
    return stestr_run.renamed(count, '%s on ' + label)


def environment_of(python):
    """The environment to run tests in with another interpreter."""
    return dict(environment(), PYTHON=python.name, PATH=os.pathsep.join(
        (str(python.parent), os.environ['PATH'])))


FAST = {'unit': unit, 'functional': functional, 'heat': heat}
BY_NAME = {pair.name: pair for pair in pairs.PAIRS}
#: Steps that stand for others.
GROUPS = {
    'releases': [pair.name for pair in pairs.PAIRS if pair.often],
    'matrix': [pair.name for pair in pairs.PAIRS if not pair.often],
}


def build_parser():
    parser = argparse.ArgumentParser(
        prog='run_tests.sh', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='examples: ./run_tests.sh unit\n'
               '          ./run_tests.sh --only test_sandbox\n'
               '          ./run_tests.sh 22-3.12 --only test_oracle')
    parser.add_argument(
        'step', nargs='*', choices=[[], *FAST, *GROUPS, *BY_NAME],
        metavar='STEP', help='default: %s; the pairs: %s' % (
            ' '.join(FAST), ' '.join(BY_NAME)))
    parser.add_argument('--all', action='store_true',
                        help='run every step, and all of it')
    parser.add_argument(
        '--only', metavar='REGEX',
        help='run only the tests whose names match; without STEP ours')
    return parser


def run(step, options):
    """Run a step, and print how it ended."""
    if step in BY_NAME:
        return on_pair(BY_NAME[step], options)
    function = dict(FAST, ours=ours)[step]
    say('%s: %s', step, function.__doc__)
    started = time.monotonic()
    count = function(options)
    say('%s: %s in %d s', step, count, time.monotonic() - started)
    return count


def chosen(options):
    """The names of the steps to run."""
    steps = options.step or (
        [*FAST, 'releases'] if options.all else
        ['ours'] if options.only else list(FAST))
    return [name for step in steps
            for name in GROUPS.get(step, [step])]


def again(step, name):
    """The command that runs a test that has failed once more."""
    words = ['./run_tests.sh']
    if step not in ('unit', 'functional', 'ours'):
        words.append(step)
    return "%s --only '%s'" % (' '.join(words), stestr_run.selector(name))


def summary(counts, left_out):
    """Print what was left out, what took long and what failed."""
    total = sum(counts.values(), stestr_run.Count())
    for result in total.slowest(SLOWEST):
        if result.seconds >= 1:
            say('slow: %4d s  %s', result.seconds, result.name)
    if left_out:
        say('left out: tests that need %s, which cannot be reached',
            ', '.join(left_out))
    for step, count in counts.items():
        for name in count.failed:
            say('failed: %s', name)
            say('        run it again: %s', again(step, name))
    say('%s: %s', 'FAILED' if total.failed else 'OK', total)
    return 1 if total.failed else 0


def main():
    options = build_parser().parse_args()
    left_out = unreachable_backends()
    if left_out and required():
        say('error: cannot reach %s, and CI_REQUIRE_BACKENDS is set',
            ', '.join(left_out))
        return 1
    return summary({step: run(step, options) for step in chosen(options)},
                   left_out)


if __name__ == '__main__':
    sys.exit(main())
