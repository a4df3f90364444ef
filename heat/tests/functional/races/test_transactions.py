# SPDX-License-Identifier: Apache-2.0

"""Transactions that wait for each other in the database."""

from concurrent import futures
import contextlib
import threading
from unittest import mock

from heat.db.migrate import write as migrate_write
from heat.db.migrate import write_rows
from heat.db import models
from heat.engine import stack as parser
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import held_table
from heat.tests.functional.races import case as race_case
from heat.tests import utils


class _Transactions:
    """Sessions of the database that wait for an open transaction."""

    def setUp(self):
        super().setUp()
        self.threads = futures.ThreadPoolExecutor()
        self.addCleanup(self.threads.shutdown)

    @contextlib.contextmanager
    def not_committed(self, change, step):
        """Hold a conversion or a revert just before a step.

        :param change: does it
        :param step: a function of heat.db.migrate.write_rows
        """
        reached, go_on = threading.Event(), threading.Event()
        called = getattr(write_rows, step)

        def held(*args):
            reached.set()
            go_on.wait(race_case.PATIENCE)
            called(*args)

        with mock.patch.object(write_rows, step, held):
            changing = self.threads.submit(change)
            try:
                self.assertTrue(reached.wait(race_case.PATIENCE))
                yield
            finally:
                go_on.set()
            changing.result(race_case.PATIENCE)

    def wait_for_waiting(self, count):
        held_table.wait_for_waiting(self.database, count)

    @contextlib.contextmanager
    def asked_meanwhile(self, change, step, *names):
        """Request operations, which wait; yields their futures."""
        with self.not_committed(change, step):
            asked = [self.threads.submit(self.operate, name)
                     for name in names]
            self.wait_for_waiting(len(names))
        yield asked

    def assertNoneRuns(self, *operations):
        names = [name for name in operations if name in race_case.FORBIDDEN]
        # The conversion has inserted the rows of its locks.
        with self.asked_meanwhile(self.convert, 'write_stacks',
                                  *names) as asked:
            for operation in asked:
                self.assertConflict(operation.result, race_case.PATIENCE)
        self.assertConvergence()
        self.assertEqual([], self.stored()[1])

    def test_operations_that_wait_for_a_conversion_do_not_run(self):
        self.assertNoneRuns('update', 'suspend', 'snapshot')

    def test_a_delete_that_waits_for_a_conversion_does_not_run(self):
        # Alone: it waits for any other operation that has the lock.
        self.assertNoneRuns('delete')

    def test_a_stack_that_stores_itself_waits_and_stays_converted(self):
        loaded = parser.Stack.load(utils.dummy_context(), self.stack_id)
        with self.not_committed(self.convert, 'write_resources'):
            storing = self.threads.submit(loaded.store)
            self.wait_for_waiting(1)

        storing.result(race_case.PATIENCE)
        self.assertConvergence()

    def test_operations_that_wait_for_a_revert_do_not_run(self):
        self.convert()
        # The conversion has written the row of the stack.
        with self.asked_meanwhile(self.revert, 'write_resources',
                                  'suspend', 'delete') as asked:
            for operation in asked:
                self.assertConflict(operation.result, race_case.PATIENCE)
        self.wait_until_idle()
        self.assertEqual(self.reverted, self.stored())
        self.assertUnlocked()

    def test_an_update_that_waits_for_a_revert_runs_as_legacy(self):
        self.convert()
        with self.asked_meanwhile(self.revert, 'write_resources',
                                  'update') as asked:
            asked[0].result(race_case.PATIENCE)
        self.wait_for(self.identity)
        self.assertLegacy('UPDATE')

    def test_of_three_converters_one_converts_and_none_fails(self):
        at_the_lock = threading.Barrier(3)
        waited = set()
        insert_locks = migrate_write._insert_locks

        def together(*args):
            if threading.get_ident() not in waited:
                waited.add(threading.get_ident())
                at_the_lock.wait(race_case.PATIENCE)
            insert_locks(*args)

        with mock.patch.object(migrate_write, '_insert_locks', together):
            converting = [self.threads.submit(self.convert)
                          for _ in range(at_the_lock.parties)]
            plans = [converter.result(race_case.PATIENCE)
                     for converter in converting]

        self.assertEqual(at_the_lock.parties, len(waited))
        self.assertEqual([False, True, True],
                         sorted(plan.nothing_to_do for plan in plans))
        self.assertEqual(['COMPLETE'], [
            event['resource_status'] for event in self.database.rows(
                models.Event, stack_id=self.stack_id,
                resource_action='MIGRATE')])
        self.assertConvergence()


class MySQLTest(_Transactions, race_case.RaceTestCase):
    backend = databases.MYSQL


class PostgreSQLTest(_Transactions, race_case.RaceTestCase):
    backend = databases.POSTGRESQL
