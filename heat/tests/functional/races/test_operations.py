# SPDX-License-Identifier: Apache-2.0

"""Each operation that takes the stack lock, and a conversion.

The interleavings are forced: the conversion comes just before the operation
takes its lock, or just after.
"""

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.engine import convergence_migrate
from heat.engine import resource
from heat.engine import service
from heat.tests.functional.harness import databases
from heat.tests.functional.races import case as race_case
from heat.tests import utils


class _Operations(race_case.EachOperation):
    """Each operation that takes the lock, just before and just after that."""

    def test_loaded_before_and_locked_after_it_does_no_harm(self):
        self.before(db_api, 'stack_lock_create', self.convert_and_note)
        if self.operation in race_case.FORBIDDEN:
            self.assertDoesNotRun()
        else:
            self.assertKeepsGraph()

    def assertDoesNotRun(self):
        self.assertConflict(self.operate, self.operation)
        self.assertEqual(self.converted, self.stored())
        self.assertConvergence()

    def assertKeepsGraph(self):
        self.operate(self.operation)
        self.wait_until_idle()
        # The abandoned stack is gone.
        expected = (set() if self.operation == 'abandon'
                    else self._graph(self.converted))
        self.assertEqual(expected, self._graph(self.stored()))

    def _graph(self, stored):
        # Heat empties needed_by of the resources of this operation, in any
        # stack.
        return {(row['id'], tuple(row['requires']),
                 row['current_template_id']) for row in stored[0].resources}


class MySQLTest(_Operations, race_case.RaceTestCase):
    backend = databases.MYSQL


class MySQLFailedTest(_Operations, race_case.FailedRaceTestCase):
    backend = databases.MYSQL


class PostgreSQLTest(_Operations, race_case.RaceTestCase):

    backend = databases.POSTGRESQL

    def test_no_conversion_begins_under_its_lock(self):
        plan = convergence_migrate.plan(utils.dummy_context(), self.stack_id)
        refused = []

        def convert():
            for attempt in (self.convert, lambda: convergence_migrate.apply(
                    utils.dummy_context(), plan)):
                refused.append(self.assertRaises(
                    migrate_exception.Locked, attempt))

        self.before(*self._first_step_under_lock(), convert)
        self.operate(self.operation)
        self.wait_until_idle()

        self.assertEqual(2, len(refused))
        self.assertFalse(self.row(self.identity)['convergence'])

    def _first_step_under_lock(self):
        if self.operation == 'mark unhealthy':
            return resource.Resource, 'state_set'
        return service.ThreadGroupManager, 'start'
