# SPDX-License-Identifier: Apache-2.0

"""A cloud with stacks in every state is converted to the last one.

A synchronous engine makes the cloud. Then heat-manage converts it, while an
engine with threads runs the operations of four clients, on MariaDB.
HEAT_TEST_DRAIN_STACKS says how many stacks there are. HEAT_TEST_DRAIN_MADE
says how many of them the engine makes: the others are copies of these.
"""

import collections
import contextlib
import dataclasses
import os
import random
import threading

from oslo_config import cfg
import oslo_messaging

from heat.common.migrate import exception as migrate_exception
from heat.db.migrate import roots as migrate_roots
from heat.db.migrate import tree as migrate_tree
from heat.db import models
from heat.engine import convergence_migrate
from heat.tests.functional.commands import command
from heat.tests.functional.harness import case
from heat.tests.functional.harness import copied_trees
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import inprocess
from heat.tests.functional.harness.plugins import things as plugin
from heat.tests.functional.harness import processes
from heat.tests.functional.lockstep import chains
from heat.tests.functional.lockstep import deaths
from heat.tests.functional.lockstep import failed_case
from heat.tests.functional.lockstep import failures
from heat.tests.functional.lockstep import lives
from heat.tests.functional.lockstep import test_killed
from heat.tests import utils

CLIENTS = 4
SECONDS = 300  # until an operation ends, on a busy machine
PER_STACK = 1  # seconds, on a busy machine

#: What a client gets for a stack that is in use, suspended or being deleted.
ANSWERS = {'ActionInProgress', 'NotSupported'}


class Life(lives.Life):
    """One of many stacks, whose things are all in one ledger."""

    def __init__(self, test):
        self.test = test
        self.convergence = False
        self.ledger = plugin.ledger
        self.files, self.params = {}, {}


def complete(life):
    life.create()
    return chains.OLD, chains.NEW


def killed(life):
    """The engine dies in the middle of an update with nested stacks."""
    life.create(test_killed.OLD, test_killed.FILES)
    deaths.kill(life.test, lambda: life.update(test_killed.NEW),
                deaths.Death(life.test.random.randrange(10, 60)))
    return test_killed.OLD, test_killed.NEW


def switched_off(life):
    """A condition has switched a resource off, and the update failed."""
    old = chains.with_condition()
    life.create(old, params={'flag': True})
    life.failing(('a', 'update'))
    life.params = {'flag': False}
    life.update(chains.changed(old, a={'value': '2'}), params=life.params)
    return old, old


HISTORIES = (complete, killed, switched_off) + failures.HISTORIES

SIZE = int(os.environ.get('HEAT_TEST_DRAIN_STACKS') or
           (100 if failed_case.ALL else len(HISTORIES)))


#: Copies of the encrypted ones would name the things of the originals.
MADE = min(SIZE, int(os.environ.get('HEAT_TEST_DRAIN_MADE') or SIZE))
NEVER_COPIED = (failures.encrypted,)


class Client(threading.Thread):
    """Uses its stacks, one after the other, until it is stopped.

    :param heat: the engine
    :param stacks: [(identity, target template, its parameters and files)]
    :param wait_for_end: called with an identity
    :ivar answers: a Counter of the names of exceptions, or 'accepted'
    """

    def __init__(self, heat, stacks, wait_for_end):
        super().__init__()
        self._heat, self._stacks = heat, stacks
        self._wait_for_end = wait_for_end
        self._stopped = threading.Event()
        self.answers = collections.Counter()
        self.error = None

    def run(self):
        choice = random.Random(len(self._stacks)).choice
        try:
            while not self._stopped.is_set():
                self.use(choice(('update', 'patch', 'check', 'snapshot',
                                 'suspend', 'resume')),
                         *choice(self._stacks))
        except Exception as exc:
            self.error = exc

    def stop(self):
        self._stopped.set()
        self.join()

    def use(self, operation, identity, template, params, files):
        """Do an operation, and wait for its end."""
        context = utils.dummy_context()
        try:
            if operation in ('update', 'patch'):
                existing = operation == 'patch'
                self._heat.update_stack(
                    context, identity, None if existing else template, params,
                    files, {'existing': existing})
            elif operation == 'snapshot':
                self._heat.stack_snapshot(context, identity, 'snapshot')
            else:
                getattr(self._heat, 'stack_' + operation)(context, identity)
        except oslo_messaging.ExpectedException as exc:
            self.answers[exc.exc_info[0].__name__] += 1
        else:
            self.answers['accepted'] += 1
        self._wait_for_end(identity)


class DrainTest(failed_case.FailedTestCase):

    backend = databases.MYSQL

    def setUp(self):
        super().setUp()
        self.random = random.Random(1)
        plugin.renew()
        self.commands = self.useFixture(command.Commands(
            self.database.url, plugin_dirs=case.plugins('physical'),
            migrate_protection=True))
        cfg.CONF.set_override('migrate_protection', True)

    def make(self):
        """Make the cloud; returns the ``stacks`` of a :class:`Client`."""
        stacks, originals = [], []
        with deaths.one_engine_at_a_time():
            for number in range(MADE):
                life = Life(self)
                history = HISTORIES[number % len(HISTORIES)]
                _old, target = history(life)
                life.failing()
                stacks.append((life.identity, target, life.params,
                               life.files or {}))
                if history not in NEVER_COPIED:
                    originals.append(stacks[-1])
        # What a failed adoption has left out belongs to no stack.
        for name in plugin.ledger.things.keys() - self.owned():
            del plugin.ledger.things[name]
        return stacks + list(self.copies(originals))

    def owned(self):
        """The ids of the things of all stacks."""
        return {row['physical_resource_id']
                for row in self.database.rows(models.Resource)
                if row['physical_resource_id'] in plugin.ledger.things}

    def copies(self, originals):
        """Yield copies of stacks, each with things of its own."""
        def new_id(physical_id):
            thing = plugin.ledger.things.get(physical_id)
            return thing and plugin.ledger.reserve(thing.path[-1])

        sources = [(copied_trees.Source(
            self.database.engine, identity['stack_id'], new_id), of)
            for identity, *of in originals]
        for number in range(SIZE - MADE):
            source, of = sources[number % len(sources)]
            identity, ids = source.copy()
            for old, new in ids.items():
                thing = plugin.ledger.things[old]
                plugin.ledger.create(new, dataclasses.replace(
                    thing, uses={ids.get(used, used) for used in thing.uses}))
            yield (identity, *of)

    @contextlib.contextmanager
    def clients(self, stacks):
        """Clients at work; each has stacks of its own."""
        clients = [Client(self.heat, stacks[number::CLIENTS],
                          self.wait_for_end) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            for client in clients:
                client.stop()
        for client in clients:
            self.assertIsNone(client.error)
            self.assertGreater(client.answers.pop('accepted'), 0)
            self.assertEqual(set(), client.answers.keys() - ANSWERS)

    def wait_for_end(self, identity):
        def ended():
            return (self.row(identity)['status'] != 'IN_PROGRESS' and
                    not migrate_tree.get_locks(self.ctx,
                                               [identity['stack_id']]))
        processes.wait_until(ended, 'end of %s' % identity, SECONDS)

    def drain(self):
        """Convert all stacks by a command; returns {id: outcome} of a part.

        Only those that are left, with the reasons.
        """
        done = self.commands.run('migrate-convergence-1', '--failed', '--all',
                                 '--format', 'json',
                                 timeout=SECONDS + SIZE * PER_STACK)
        self.assertNotIn('Traceback', done.stderr)
        return {stack_id: outcome for stack_id, outcome in
                command.outcomes(done.stdout).items()
                if outcome['outcome'] == 'refused'}

    def follow_remedy(self, stack, outcome):
        """Do what the message of a refusal says.

        :param stack: one of the ``stacks`` of a :class:`Client`
        """
        refused = self.assertRaises(
            migrate_exception.MigrationRefused, convergence_migrate.plan,
            self.ctx, outcome['id'], failed=True)
        self.assertEqual(outcome['code'], refused.code)
        if refused.code == 'missing_resources':
            owner = Client(self.heat, [stack], self.wait_for_end)
            if self.row(stack[0])['action'] == 'SUSPEND':
                owner.use('resume', *stack)
            owner.use('update', *stack)
            return
        if refused.code == 'unreferenced_nested':
            self.delete(deaths.identity(self.database.rows(
                models.Stack, id=refused.kwargs['id'])[0]))
            return
        self.assertEqual('orphan_resources', refused.code, str(refused))
        for word in refused.kwargs['resources'].split(', '):
            physical_id = word.partition('(')[2].rstrip(')')
            plugin.ledger.things.pop(physical_id, None)
            self.mark_deleted(physical_id)

    def delete(self, identity):
        def ended():
            row = self.row(identity)
            return row['deleted_at'] or (row['action'], row['status']) == (
                'DELETE', 'FAILED')

        self.heat.delete_stack(self.ctx, identity)
        processes.wait_until(ended, 'delete of %s' % identity, SECONDS)
        row = self.row(identity)
        self.assertTrue(row['deleted_at'], row)

    def test_each_stack_is_converted_or_named_with_its_remedy(self):
        stacks = self.make()
        self.assertEqual(SIZE, migrate_roots.count_roots(self.ctx))
        self.heat.cleanUp()
        self.start(inprocess.Engine(self.database))
        with self.clients(stacks):
            self.drain()
        # Now no stack is left because a client used it.
        left = self.drain()
        self.assertEqual(len(left), migrate_roots.count_roots(self.ctx))
        for stack in stacks:
            stack_id = stack[0]['stack_id']
            if stack_id in left:
                self.follow_remedy(stack, left[stack_id])
        self.assertEqual({}, self.drain())
        self.assertEqual(0, migrate_roots.count_roots(self.ctx))
        # As many copies as originals.
        for identity, *_update in stacks[:2 * MADE]:
            self.delete(identity)
        self.assertEqual(self.owned(), plugin.ledger.things.keys())
