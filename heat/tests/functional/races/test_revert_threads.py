# SPDX-License-Identifier: Apache-2.0

"""Reverts beside an engine with threads, on the servers that clouds have.

The interleavings are those of test_revert.py, which forces them in an engine
without threads.
"""

from oslo_config import cfg

from heat.db import api as db_api
from heat.engine import service
from heat.engine import stack as parser
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import processes
from heat.tests.functional.races import case as race_case
from heat.tests.functional.races import test_revert
from heat.tests.functional.races import test_threads
from heat.tests import utils


class _Operations(race_case.EachOperation):
    """Each operation that a user waits for, on a stack that is reverted."""

    def setUp(self):
        super().setUp()
        self.convert()

    def test_it_is_done_or_refused_and_changes_nothing(self):
        self.before(*test_revert.barrier(self.operation), self.revert)
        if self.operation in test_revert.DONE:
            self.operate(self.operation)
            self.wait_for(self.identity)
            self.assertLegacy('UPDATE')
            return
        snapshots = self.stored()[1]
        self.assertConflict(self.operate, self.operation)
        self.wait_until_idle()
        self.assertEqual((self.reverted[0], snapshots), self.stored())
        self.assertUnlocked()


class _Threads:
    """Requests that Heat answers before it acts."""

    template = test_threads.SCALING

    def setUp(self):
        super().setUp()
        self.stub_auth()

    def test_a_signal_scales_the_group_as_legacy(self):
        self.convert()
        members = len(self.stored()[0].resources)
        self.before(parser.Stack, 'converge_stack', self.revert)

        self.heat.resource_signal(utils.dummy_context(), self.identity,
                                  'grow', {})

        processes.wait_until(
            lambda: len(self.stored()[0].resources) == members + 1,
            'new member of the group')
        self.wait_until_idle()
        self.assertEqual({False}, self.stored()[0].convergence())

    def test_an_event_reports_a_cancel_after_a_revert(self):
        self.convert()
        self.begin_update()
        self.before(service.ThreadGroupManager, 'start', self.end_and_revert)
        self.heat.stack_cancel_update(utils.dummy_context(), self.identity,
                                      cancel_with_rollback=False)

        processes.wait_until(
            lambda: 'The cancel was not begun' in self.reasons()[-1],
            'event of the cancel')
        self.assertEqual(self.reverted, self.stored())

    def test_a_delete_that_loses_to_a_conversion_and_a_revert_is_done(self):
        # HeatTestCase has none.
        cfg.CONF.set_override('error_wait_time', race_case.PATIENCE)
        end_and_convert = test_threads.hold_lock(self)

        def wait_then_delete():
            self.before(db_api, 'stack_lock_create', end_and_convert)

        # The thread that waits for the lock, once it was refused.
        self.before(service.ThreadGroupManager, 'send', wait_then_delete)
        # The delete is requested again, and is overtaken again.
        self.before(parser.Stack, 'converge_stack', self.revert)

        self.operate('delete')

        processes.wait_until(
            lambda: self.row(self.identity)['deleted_at'], 'deleted stack')
        self.assertEqual({False}, self.reverted[0].convergence())
        self.assertEqual('DELETE', self.row(self.identity)['action'])
        self.assertFalse(self.row(self.identity)['convergence'])


class MySQLOperationsTest(_Operations, race_case.RaceTestCase):
    backend = databases.MYSQL


class PostgreSQLOperationsTest(_Operations, race_case.RaceTestCase):
    backend = databases.POSTGRESQL


class MySQLThreadsTest(_Threads, race_case.RaceTestCase):
    backend = databases.MYSQL


class PostgreSQLThreadsTest(_Threads, race_case.RaceTestCase):
    backend = databases.POSTGRESQL
