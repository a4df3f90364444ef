# SPDX-License-Identifier: Apache-2.0

"""Three engines, a command and many clients race for the same stacks.

Nothing is forced here: test_operations.py forces the order.
HEAT_TEST_RACE_STACKS sets the number of stacks, and HEAT_TEST_RACE_SEED the
seed. ``tox -e race`` runs many.
"""

import os
import re
import threading

from heat.db import models
from heat.tests.functional.faults import table as fault_table
from heat.tests.functional.harness import case
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import processes
from heat.tests.functional.races import run as race_run
from heat.tests.functional.races import table as race_table
from heat.tests.functional.races import test_threads

TEMPLATE = test_threads.SCALING

COUNT = int(os.environ.get('HEAT_TEST_RACE_STACKS', '4'))
SEED = int(os.environ.get('HEAT_TEST_RACE_SEED', '1'))


def _has_ended(row):
    return row['status'] != 'IN_PROGRESS'


class _Clients:

    engines = 3
    # A nested stack that two operations change may keep its parent waiting;
    # Heat gives up after this time.
    legacy_stacks = {
        'race-%d' % number: {'template': TEMPLATE, 'timeout_mins': 1}
        for number in range(COUNT)}

    def setUp(self):
        super().setUp()
        self.stacks = [
            race_run.Stack(self.stack_id(name), TEMPLATE)
            for name in self.legacy_stacks]

    def test_each_stack_converts_once_and_updates(self):
        race = race_run.Race(self.heat, self.stacks)
        self.run_beside_commands(race)

        self.assertEqual(set(), race.reverted)
        self.assertAnswered(race)
        for stack in self.stacks:
            if stack.id in race.deleted:
                self.wait_for_delete(stack.id)
            else:
                self.assertUpdates(stack.id)
        if fault_table.updated():
            fault_table.replace(
                race_table.PATH, race_table.HEADER,
                [race_table.row(self.backend, race)], 1)

    def run_beside_commands(self, race):
        """Run a race while a command converts all stacks, again and again."""
        over = threading.Event()

        def convert():
            while not over.is_set():
                done = self.heat.heat_manage('migrate-convergence-1', '--all')
                self.assertNotIn('Traceback', done.stdout + done.stderr)

        command = threading.Thread(target=convert)
        command.start()
        try:
            race.run(SEED)
        finally:
            over.set()
            command.join()

    def assertAnswered(self, race):
        """Check that each client had success, or a documented answer."""
        answers = {answer for _, answer in race.answers}
        self.assertEqual(set(), answers.difference(race_table.ANSWERS),
                         race.answers)

    def wait_for(self, what, stack_id, condition):
        """Wait for a condition of the row of a stack; returns the row."""
        def met():
            row, = self.heat.database.rows(models.Stack, id=stack_id)
            return condition(row) and row
        return processes.wait_until(met, '%s of %s' % (what, stack_id), 300)

    def wait_for_end(self, stack_id):
        """Wait until no operation runs on a stack; returns its row."""
        return self.wait_for('end', stack_id, _has_ended)

    def wait_for_delete(self, stack_id):
        """Wait for the end of a delete that Heat has accepted.

        Heat drops one that another operation overtakes or follows, also of a
        native stack. The user then requests it again.
        """
        def is_deleted(row):
            return row['action'] == 'DELETE' and _has_ended(row)

        row = self.wait_for('delete', stack_id, lambda row: (
            is_deleted(row) or
            _has_ended(row) and self.is_dropped(row)))
        if not is_deleted(row):
            self.heat.client.stacks.delete(stack_id)
            self.wait_for('delete', stack_id, is_deleted)

    def is_dropped(self, row):
        dropped = race_run.DROPPED_DELETE % row['name']
        return (race_run.has_begun_delete(self.heat.database, row['id']) or
                any(re.search(dropped, engine.log())
                    for engine in self.heat.engines))

    def bring_back(self, stack_id):
        """Resume a stack that is suspended, or a part of it.

        The suspend of a group that is scaled meanwhile may fail: Heat then
        deletes a template that a member still has. Updates and resumes skip
        the suspended members until a suspend succeeds.
        """
        self.wait_for_end(stack_id)
        states = {(row['action'], row['status'])
                  for row in self.tree(stack_id).stacks}
        if ('SUSPEND' in dict(states) and
                states != {('SUSPEND', 'COMPLETE')}):
            self.heat.client.actions.suspend(stack_id)
        if self.wait_for_end(stack_id)['action'] == 'SUSPEND':
            self.heat.client.actions.resume(stack_id)
            self.wait_for_end(stack_id)

    def assertUpdates(self, stack_id):
        """Check that updates bring it to COMPLETE, converted exactly once."""
        self.bring_back(stack_id)
        # One may find the stack failed, and legacy; the next does not.
        for _ in range(2):
            self.heat.client.stacks.update(stack_id, template=TEMPLATE)
            self.wait_for_end(stack_id)
        tree = self.tree(stack_id)
        self.assertEqual({True}, tree.convergence())
        self.assertEqual({'COMPLETE'}, {row['status'] for row in tree.stacks})
        self.assertEqual(1, self.migration_events(stack_id).count('COMPLETE'))


class MySQLTest(_Clients, case.DeploymentTestCase):
    backend = databases.MYSQL


class PostgreSQLTest(_Clients, case.DeploymentTestCase):
    backend = databases.POSTGRESQL
