# SPDX-License-Identifier: Apache-2.0

"""Convert a legacy stack with the real openstack client, and look at it.

./run_demo.sh runs this. Exit status 0 only if every check held.
"""

import os
import signal
import subprocess
import sys

from heat.tests.functional.harness import processes
from heat.tests.functional.harness import sandbox_fixture
import view

HERE = os.path.dirname(os.path.abspath(__file__))
TEMPLATE = os.path.relpath(os.path.join(HERE, 'stack.yaml'))

#: What the client of another service says at each command: a release of it
#: names a command that it does not have.
NOISE = "Could not load '"


def say(message, *args):
    print('\n== ' + message % args, flush=True)


class Checks(object):
    def __init__(self):
        self.failed = 0

    def check(self, held, what):
        print('%-6s %s' % ('ok' if held else 'FAILED', what), flush=True)
        self.failed += not held


def openstack(heat, *arguments):
    """Run the openstack client as a user does, and show what it says.

    :returns: whether its exit status was 0.
    """
    print('$ openstack %s' % ' '.join(arguments), flush=True)
    with subprocess.Popen(
            [processes.command('openstack'), *arguments],
            env=processes.environment(stock=True, OS_AUTH_TYPE='none',
                                      OS_ENDPOINT=heat.endpoint),
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True) as client:
        for line in client.stderr:
            if not line.startswith(NOISE):
                print(line, end='', file=sys.stderr, flush=True)
    return client.returncode == 0


def create(heat, name):
    if not openstack(heat, 'stack', 'create', '--wait', '-t', TEMPLATE, name):
        raise SystemExit('demo: the stack could not be created')
    return heat.client.stacks.get(name).id


def check_before(checks, before):
    checks.check(len(before.stacks) == 7,
                 'there are a root stack and 6 nested stacks')
    checks.check(not any(row['convergence'] or row['current_traversal']
                         for row in before.stacks.values()),
                 'before: every stack is legacy, without a traversal')
    checks.check(not any(row['requires']
                         for row in before.resources.values()),
                 'before: no resource knows what it requires')


def check_after(checks, before, after, native):
    checks.check(after.stacks.keys() == before.stacks.keys(),
                 'after: the same stacks')
    checks.check(all(row['convergence'] for row in after.stacks.values()),
                 'after: every stack is convergence')
    traversals = {row['current_traversal'] for row in after.stacks.values()}
    checks.check(None not in traversals and
                 len(traversals) == len(after.stacks),
                 'after: every stack has a traversal of its own')
    checks.check(after.physical_ids() == before.physical_ids(),
                 'after: the same resources with the same physical ids')
    checks.check(after.requires() == native.requires(),
                 'after: each resource requires the same as in a stack that '
                 'was created under convergence')


def check_user(checks, heat, stack_id):
    """Check what the user of the stack sees."""
    events = [event.resource_status
              for event in heat.client.events.list(stack_id)]
    checks.check(events.count('MIGRATE_COMPLETE') == 1,
                 'one stack event records the conversion')
    output = heat.client.stacks.output_show(stack_id, 'message')
    checks.check(output['output']['output_value'] == 'after',
                 "the update's own change was applied")


def demonstrate(checks, heat):
    say('A legacy engine creates a stack')
    stack_id = create(heat, 'demo')
    before = view.read(heat.database, stack_id)

    say('The engine starts again with convergence and migrate_on_update')
    heat.restart(engine='convergence', migrate_on_update=True)

    say('The user updates the stack')
    checks.check(openstack(heat, 'stack', 'update', '--wait', '--existing',
                           '--parameter', 'message=after', 'demo'),
                 'openstack stack update succeeds')
    after = view.read(heat.database, stack_id)

    say('The same template creates a stack under convergence, to compare')
    native = view.read(heat.database, create(heat, 'native'))

    say('The stack before and after')
    view.show(before, after)

    say('The checks')
    check_before(checks, before)
    check_after(checks, before, after, native)
    check_user(checks, heat, stack_id)

    say('The stack is a convergence stack from now on')
    checks.check(openstack(heat, 'stack', 'check', '--wait', 'demo'),
                 'openstack stack check succeeds')
    checks.check(openstack(heat, 'stack', 'update', '--wait', '--existing',
                           'demo'), 'one more update succeeds')
    checks.check(openstack(heat, 'stack', 'delete', '--wait', '--yes',
                           'demo'), 'openstack stack delete succeeds')


def _interrupted(_signal, _frame):
    # An exception, so that the sandbox is stopped on the way out.
    sys.exit('demo: interrupted')


def show_log(heat):
    say('The end of the log of Heat')
    with open(os.path.join(heat.data_dir, 'heat.log')) as log:
        print(''.join(log.readlines()[-40:]), flush=True)


def main():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    checks = Checks()
    say('Starting a sandbox: a whole Heat in one process, on SQLite')
    with sandbox_fixture.Sandbox(engine='legacy') as heat:
        demonstrate(checks, heat)
        checks.check(heat.stop() == 0, 'the sandbox stops')
        if checks.failed:
            show_log(heat)
    if checks.failed:
        say('FAILED: checks that did not hold: %d', checks.failed)
        return 1
    say('OK: every check held')
    return 0


if __name__ == '__main__':
    sys.exit(main())
