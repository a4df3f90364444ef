# SPDX-License-Identifier: Apache-2.0

"""Engines with the overlay and stock engines on one database and broker.

The section "Steps" of doc/source/operator/install.rst, step by step.
"""

from concurrent import futures

from heatclient import exc

from heat.db import models
from heat.tests.functional.harness import case
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import held_table
from heat.tests.functional.harness import processes

SMALL = case.template('small.yaml')

PATIENCE = 120  # seconds


class RollingUpgradeTestCase(case.DeploymentTestCase):
    """Each test starts the engines that it needs."""

    engines = 0

    def stack_id(self, name):
        """Read the id; there may be no engine that the API can ask."""
        row, = self.heat.database.rows(models.Stack, name=name, owner_id=None,
                                       deleted_at=None)
        return row['id']

    def update(self, name, **parameters):
        """Update a stack, without the time that a command takes to start."""
        self.heat.client.stacks.update(name, existing=True,
                                       parameters=parameters)
        return self.heat.wait_for(name, 'UPDATE_COMPLETE')

    def only_engine(self, stock):
        """Run one engine, and no other."""
        self.heat.kill_engines()
        self.heat.start_engines(1, stock=stock)

    def operate(self, name):
        """Run the operations of users on the present engines."""
        client = self.heat.client
        stack_id = self.stack_id(name)
        self.update(name, value='two')
        client.actions.suspend(stack_id)
        self.heat.wait_for(name, 'SUSPEND_COMPLETE')
        client.actions.resume(stack_id)
        self.heat.wait_for(name, 'RESUME_COMPLETE')
        client.actions.check(stack_id)
        self.heat.wait_for(name, 'CHECK_COMPLETE')
        self.update(name, value='three')

    def assertConvergence(self, name, physical_ids):
        tree = self.tree(self.stack_id(name))
        self.assertEqual({True}, tree.convergence())
        self.assertEqual(physical_ids, tree.physical_ids())
        templates = {row['id']: row['raw_template_id']
                     for row in tree.stacks}
        for row in tree.resources:
            self.assertEqual(templates[row['stack_id']],
                             row['current_template_id'], row['name'])

    def physical_ids(self, name):
        return self.tree(self.stack_id(name)).physical_ids()


class MixedEnginesTest(RollingUpgradeTestCase):
    """Operations one after another, on engines of both kinds."""

    backend = databases.MYSQL
    legacy_stacks = {name: SMALL for name in (
        'stock', 'both', 'legacy-1', 'legacy-2', 'legacy-3')}

    def test_a_stock_engine_goes_on_with_a_converted_stack(self):
        before = self.physical_ids('stock')
        self.only_engine(stock=False)
        self.update('stock')
        self.assertConvergence('stock', before)

        self.only_engine(stock=True)
        self.operate('stock')

        self.assertConvergence('stock', before)

    def test_both_kinds_work_on_a_converted_stack_together(self):
        before = self.physical_ids('both')
        self.only_engine(stock=False)
        self.update('both')

        self.heat.start_engines(1, stock=True)
        self.operate('both')

        self.assertConvergence('both', before)
        self.assertEqual(['COMPLETE'],
                         self.migration_events(self.stack_id('both')))

    def test_a_stack_stays_legacy_until_an_engine_with_the_overlay_comes(
            self):
        names = ('legacy-1', 'legacy-2', 'legacy-3')
        before = {name: self.physical_ids(name) for name in names}
        self.only_engine(stock=True)
        self.update('legacy-1')
        self.assertEqual({False}, self.tree(
            self.stack_id('legacy-1')).convergence())

        self.heat.start_engines(1, stock=False)
        for name in names:
            # Any engine may get it, with nothing in between.
            self.update(name)
            tree = self.tree(self.stack_id(name))
            self.assertEqual(1, len(tree.convergence()), tree)

        self.only_engine(stock=False)
        for name in names:
            self.update(name)
            self.assertConvergence(name, before[name])
            self.assertEqual(['COMPLETE'],
                             self.migration_events(self.stack_id(name)))


class LosingTestCase(RollingUpgradeTestCase):
    """A command ends between two steps of an operation.

    The engine has loaded the stack, and waits in the database until the
    command has committed.
    """

    def setUp(self):
        super().setUp()
        self.threads = futures.ThreadPoolExecutor()
        self.addCleanup(self.threads.shutdown)

    def lose_race(self, command, name, operate, *arguments):
        """Make an operation lose the race against a command.

        :param arguments: further ones of the command
        :returns: the future of the operation
        """
        stack_id = self.stack_id(name)
        with held_table.held(self.heat.database, models.Event):
            commanding = self.begin(command, stack_id, *arguments)
            operation = self.threads.submit(operate, stack_id)
            self.wait_until_waiting(2, commanding, operation)
            self.assertWaits(commanding)
            self.assertFalse(operation.done())
        self.assertSucceeds(commanding.result(PATIENCE))
        return operation

    def begin(self, *words):
        """Start a command, which waits; returns its future."""
        commanding = self.threads.submit(self.heat.heat_manage, *words)
        self.wait_until_waiting(1, commanding)
        self.assertWaits(commanding)
        return commanding

    def assertSucceeds(self, command):
        self.assertEqual(0, command.returncode,
                         command.stdout + command.stderr)

    def wait_until_waiting(self, count, *begun):
        """Wait until all of them wait in the database, or one has ended."""
        processes.wait_until(
            lambda: any(map(futures.Future.done, begun)) or
            held_table.waiting(self.heat.database) >= count,
            '%d sessions that wait' % count, PATIENCE)

    def assertWaits(self, commanding):
        if commanding.done():
            self.assertSucceeds(commanding.result())
            self.fail('The command did not wait')

    def patch(self, stack_id):
        """Update a stack."""
        return self.heat.client.stacks.update(
            stack_id, existing=True, parameters={'value': 'two'})


class LostRaceTest(LosingTestCase):
    """A conversion is committed while a legacy operation waits."""

    backend = databases.POSTGRESQL
    legacy_stacks = {name: SMALL for name in ('protected', 'unprotected')}
    # A protected engine that does not convert on update, as in the middle of
    # an upgrade.
    conf = {'convergence_engine': True, 'migrate_protection': True}

    def test_a_protected_engine_answers_conflict(self):
        before = self.physical_ids('protected')
        self.only_engine(stock=False)

        operation = self.lose_race('migrate-convergence-1', 'protected',
                                   self.patch)

        self.assertRaises(exc.HTTPConflict, operation.result, PATIENCE)
        self.assertConvergence('protected', before)
        self.update('protected')
        self.assertConvergence('protected', before)

    def test_on_a_stock_engine_converting_again_sets_the_stack_right(self):
        before = self.physical_ids('unprotected')
        stack_id = self.stack_id('unprotected')
        self.only_engine(stock=True)

        operation = self.lose_race('migrate-convergence-1', 'unprotected',
                                   self.patch, '--unprotected')

        operation.result(PATIENCE)
        self.heat.wait_for('unprotected', 'UPDATE_COMPLETE')
        # The documented limit: the update ran as legacy, and has stored the
        # root stack as it was loaded.
        self.assertEqual([False, True], [
            row['convergence'] for row in self.tree(stack_id).stacks])

        done = self.heat.heat_manage('migrate-convergence-1', stack_id,
                                     '--unprotected')

        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertConvergence('unprotected', before)
        self.update('unprotected', value='three')
        self.assertConvergence('unprotected', before)
