# SPDX-License-Identifier: Apache-2.0

"""Run the tests of this checkout.

unit        our unit tests
functional  our tests through the HTTP API: on a sandbox, and on two engines
            with RabbitMQ and MariaDB. --all adds PostgreSQL and the long ones:
            each fault at every statement, the guides, many stacks, engines of
            an older overlay
heat        Heat's own unit tests with the overlay, for the modules that it
            refines. --all runs all of them
releases    the main ones of our tests on older releases of Heat. They run
            with --all or by name: "22-3.12" is Heat 22 on Python 3.12
matrix      the pairs of Heat and Python that --all does not run

Missing servers and Pythons are left out, and named. With CI_REQUIRE_BACKENDS=1
that is a failure. HEAT_TEST_MYSQL_URL, HEAT_TEST_POSTGRESQL_URL and
HEAT_TEST_RABBIT_URL name servers other than those on 127.0.0.1.
"""

import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import heat_unit_tests
import pairs
import platforms
import stestr_run

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
LOGS = CHECKOUT / '.test-logs'

#: The times of the long tests; see stestr_run.know_times.
TIMES = CHECKOUT / 'tools' / 'times.csv'

UNIT = r'^heat\.tests\.(?!functional\.)'
FUNCTIONAL = r'^heat\.tests\.functional\.'

#: Not part of --all; it has its own tox environment.
BY_ITSELF = r'\.guides\.test_image\.'

#: Only --all runs these: tests that also run on another database, many stacks,
#: engines of an older overlay, and the released files and guides, which
#: install Heat.
DEEP = (r'\.(faults\.(test_crash|test_faults|test_real_faults)\.'
        r'(MySQL|PostgreSQL)|'
        r'faults\.test_(broker_restart|dead_engines|packet\.LargeTree)|'
        r'commands\.(test_(command|batches)\.(MySQL|PostgreSQL)|'
        r'test_(scale|screens)\.)|'
        r'lockstep\.(test_(corpus|histories_command)\.|'
        r'test_(oracle|failed_databases)\.PostgreSQL)|'
        r'races\.(test_(operations|clients|threads|revert_\w+)\.PostgreSQL|'
        r'test_overlay_upgrade)|'
        r'test_update_deployment\.PostgreSQL|test_release\.|guides\.)')

#: Tests that may be left out even if all backends are required: a shallow
#: clone lacks the commit of the older overlay.
NEEDS_HISTORY = 'test_overlay_upgrade'

#: Test processes at a time on two processors, for tests that wait for servers.
WAITING = '3'

#: Heat's own tests of what the overlay refines (heat.overlay_releases) and of
#: what a converted stack is run by: their modules.
REFINED = (r'^heat\.tests\.(cmd\.|convergence\.|engine\.service\.|'
           r'engine\.test_(engine_worker|check_resource|snapshots)|'
           r'test_(convg_stack|engine_service|resource|stack_lock|'
           r'stack_update)\.)')

#: Prints what cannot be used here, one name a line, and clears up on the
#: servers what tests that were killed have left there.
PROBE = '''\
from heat.tests.functional.harness import broker
from heat.tests.functional.harness import case
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
if not case.can_lock():
    print('/dev/shm')
'''

SLOWEST = 10

#: More failures than these are not by chance, so --again does not repeat them.
FEW = 5


def say(message, *args):
    print('run_tests: ' + message % args, flush=True)


def required():
    return os.environ.get('CI_REQUIRE_BACKENDS', '') not in ('', '0')


def environment():
    """Put the overlay in front in every process that a step starts."""
    return stestr_run.with_interpreter(dict(
        os.environ, PYTHONPATH=str(CHECKOUT), PYTHONWARNINGS='ignore'))


def unusable():
    """Return the names of servers that the functional tests lack."""
    probe = subprocess.run(
        [sys.executable, '-c', PROBE], cwd=CHECKOUT, env=environment(),
        check=True, stdout=subprocess.PIPE, text=True)
    return probe.stdout.split()


def stestr(name, options, concurrency, regex, exclude=BY_ITSELF, env=None):
    """Run tests of ours; with --again those that fail a second time."""
    def run(log, concurrency, regex):
        return stestr_run.run(
            ('--concurrency', concurrency, regex, '--exclude-regex', exclude),
            CHECKOUT, env or environment(), LOGS / (log + '.log'),
            lambda message, *args: say(log + ': ' + message, *args))

    count = run(name, concurrency, regex)
    if not options.again or not 0 < len(count.failed) <= FEW:
        return count
    return stestr_run.after_second_try(
        count, run(name + '-again', '1', any_of(count.failed)))


def any_of(names):
    """A regular expression for these tests, and for no other."""
    return '|'.join(sorted({r'^%s([(.]|$)' % re.escape(
        stestr_run.selector(name)) for name in names}))


def with_required(count):
    """Fail if a test was left out where all backends are required."""
    if required():
        for name in count.skipped:
            if NEEDS_HISTORY in name:
                say('left out: %s, this clone has no history', name)
                continue
            count += stestr_run.failure(
                '%s: skipped, and all are required' % name)
    return count


def unit(options):
    """Our unit tests."""
    return stestr('unit', options, '2', options.only or UNIT)


def functional(options):
    """Our tests through the HTTP API; they start real servers."""
    # With --only, run the requested tests.
    left_out = BY_ITSELF if options.all or options.only else (
        '%s|%s' % (BY_ITSELF, DEEP))
    return with_required(stestr(
        'functional', options, WAITING, options.only or FUNCTIONAL,
        exclude=left_out))


def ours(options):
    """Our tests whose names match."""
    return stestr('ours', options, WAITING, options.only)


def heat(options):
    """Heat's own unit tests, with the overlay in front of Heat."""
    try:
        # The overlay can hide a failure only in what it refines.
        same, different = heat_unit_tests.compare(
            # Of two processes one would end long before the other.
            concurrency=4, regex=[options.only] if options.only else (),
            always=REFINED if options.all else None,
            modules=None if options.all or options.only else REFINED)
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
            count = stestr(pair.name, options, WAITING,
                           options.only or pairs.TESTS[pair.tests],
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
#: Names for several steps.
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
    parser.add_argument('--again', action='store_true',
                        help='if up to %d tests of a step failed, run them '
                             'again, one after another; what passes then is '
                             'named, and is no failure' % FEW)
    parser.add_argument('--record', action='store_true',
                        help='put the results into the table of the page '
                             '"What runs where"; with --all, put the times '
                             'into tools/times.csv, too')
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
    """The command that repeats a test, or a step that is no test."""
    chosen = stestr_run.selector(name)
    if '.' not in chosen:
        return './run_tests.sh ' + ('--only REGEX' if step == 'ours' else step)
    words = ['./run_tests.sh']
    if step not in ('unit', 'functional', 'ours'):
        words.append(step)
    return "%s --only '%s'" % (' '.join(words), chosen)


def summary(counts, left_out):
    """Print what was left out, what took long and what failed."""
    total = sum(counts.values(), stestr_run.Count())
    for result in total.slowest(SLOWEST):
        if result.seconds >= 1:
            say('slow: %4d s  %s', result.seconds, result.name)
    if left_out:
        say('left out: tests that need %s, which cannot be used here',
            ', '.join(left_out))
    for step, count in counts.items():
        for name in count.unsteady:
            say('unsteady: %s', name)
            say('          failed beside others and passed afterwards')
        for name in count.failed:
            say('failed: %s', name)
            say('        run it again: %s', again(step, name))
    say('%s: %s', 'FAILED' if total.failed else 'OK', total)
    return 1 if total.failed else 0


def record(counts, everything):
    """Write the run into the table of the documentation."""
    for step, count in counts.items():
        if step in BY_NAME and count.results:
            platforms.record_pair(BY_NAME[step], count)
    if everything:
        count = sum((counts[step] for step in FAST), stestr_run.Count())
        platforms.record_all(sys.executable, count)
        stestr_run.write_times(TIMES, count)


def main():
    options = build_parser().parse_args()
    # A shell starts a command with "&" so that it ignores Ctrl-C, and so would
    # the commands that the tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    left_out = unusable()
    if left_out and required():
        say('error: cannot use %s, and CI_REQUIRE_BACKENDS is set',
            ', '.join(left_out))
        return 1
    if not options.only:
        stestr_run.know_times(TIMES, CHECKOUT, environment())
    counts = {step: run(step, options) for step in chosen(options)}
    if options.record and not options.only:
        record(counts, options.all and not options.step)
    return summary(counts, left_out)


if __name__ == '__main__':
    sys.exit(main())
