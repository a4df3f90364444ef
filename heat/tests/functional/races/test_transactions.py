# SPDX-License-Identifier: Apache-2.0

"""Transactions that meet in the database: one waits for another one."""

from concurrent import futures
import contextlib
import threading
from unittest import mock

import sqlalchemy

from heat.db.migrate import write as migrate_write
from heat.db import models
from heat.engine import stack as parser
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import processes
from heat.tests.functional.races import case as race_case
from heat.tests import utils

# How many sessions on the database of a connection wait for a lock.
_WAITING = {
    databases.MYSQL: (
        "SELECT count(*) FROM information_schema.innodb_trx AS trx "
        "JOIN information_schema.processlist AS list "
        "ON list.id = trx.trx_mysql_thread_id "
        "WHERE trx.trx_state = 'LOCK WAIT' AND list.db = database()"),
    databases.POSTGRESQL: (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"),
}


class _Transactions:
    """Sessions of the database that wait for an open transaction."""

    def setUp(self):
        super().setUp()
        self.threads = futures.ThreadPoolExecutor()
        self.addCleanup(self.threads.shutdown)

    def waiting(self):
        with self.database.engine.connect() as connection:
            return connection.scalar(sqlalchemy.text(_WAITING[self.backend]))

    @contextlib.contextmanager
    def conversion_not_committed(self, step):
        """Hold a conversion just before it takes a step.

        :param step: a function of heat.db.migrate.write
        """
        reached, go_on = threading.Event(), threading.Event()
        called = getattr(migrate_write, step)

        def held(*args):
            reached.set()
            go_on.wait(race_case.PATIENCE)
            called(*args)

        with mock.patch.object(migrate_write, step, held):
            converting = self.threads.submit(self.convert)
            try:
                self.assertTrue(reached.wait(race_case.PATIENCE))
                yield
            finally:
                go_on.set()
            converting.result(race_case.PATIENCE)

    def wait_for_waiting(self, count):
        processes.wait_until(lambda: self.waiting() == count,
                             '%d sessions that wait' % count)

    def assertNoneRuns(self, *operations):
        names = [name for name in operations if name in race_case.GUARDED]
        # The rows of its locks are inserted.
        with self.conversion_not_committed('_write_stacks'):
            asked = [self.threads.submit(self.operate, name)
                     for name in names]
            self.wait_for_waiting(len(names))

        for operation in asked:
            self.assertConflict(operation.result, race_case.PATIENCE)
        self.assertConvergence()
        self.assertEqual([], self.stored()[1])

    def test_operations_that_wait_for_a_conversion_do_not_run(self):
        self.assertNoneRuns('update', 'suspend', 'snapshot')

    def test_a_delete_that_waits_for_a_conversion_does_not_run(self):
        # By itself: it waits for any other operation that has the lock.
        self.assertNoneRuns('delete')

    def test_a_stack_that_stores_itself_waits_and_stays_converted(self):
        loaded = parser.Stack.load(utils.dummy_context(), self.stack_id)
        with self.conversion_not_committed('_write_resources'):
            storing = self.threads.submit(loaded.store)
            self.wait_for_waiting(1)

        storing.result(race_case.PATIENCE)
        self.assertConvergence()

    def test_of_three_converters_one_converts_and_none_fails(self):
        planned = threading.Barrier(3)
        write = migrate_write.write

        def together(*args):
            planned.wait(race_case.PATIENCE)
            write(*args)

        with mock.patch.object(migrate_write, 'write', together):
            converting = [self.threads.submit(self.convert)
                          for _ in range(planned.parties)]
            plans = [converter.result(race_case.PATIENCE)
                     for converter in converting]

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
