# SPDX-License-Identifier: Apache-2.0

"""Engines that hold the lock of a stack, and whether they are dead."""

import contextlib
import datetime

from oslo_utils import timeutils
import sqlalchemy

from heat.db import models
from heat.tests.functional.commands import command
from heat.tests.functional.harness import case
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import processes

#: Seconds between two reports of an engine: it makes one, as it starts.
_NEVER = 600

_HOUR = datetime.timedelta(hours=1)


class DeadEngineTest(case.DeploymentTestCase):
    """One engine at a time, so that it is the one with the lock.

    It takes a snapshot, and waits for the row of the stack: the stack is
    still COMPLETE then.
    """

    backend = databases.MYSQL
    engines = 0
    conf = {'convergence_engine': True, 'migrate_protection': True}
    legacy_stacks = {name: {'template': command.SMALL}
                     for name in ('killed', 'living')}

    def setUp(self):
        super().setUp()
        self.heat.kill_engines()
        self.engine, = self.heat.start_engines(
            1, periodic_interval=_NEVER, graceful_shutdown_timeout=_NEVER)

    @contextlib.contextmanager
    def locked_by_the_engine(self, stack_id):
        with self.heat.database.engine.begin() as connection:
            # A row that refers to this one may be written, for example a
            # stack lock.
            connection.execute(sqlalchemy.select(models.Stack.id).where(
                models.Stack.id == stack_id).with_for_update(read=True))
            self.heat.client.stacks.snapshot(stack_id)
            processes.wait_until(lambda: self.locks(stack_id), 'stack lock')
            yield

    def locks(self, stack_id):
        return [row['engine_id'] for row in self.heat.database.rows(
            models.StackLock, stack_id=stack_id)]

    def reported(self, ago):
        """Give the engine the time of a report, as another clock would."""
        with self.heat.database.engine.begin() as connection:
            connection.execute(sqlalchemy.update(
                models.Service.__table__).values(
                    updated_at=timeutils.utcnow() - ago))

    def assertLocked(self, stack_id, manage=None):
        """Check that a dry run and a conversion leave the lock alone."""
        before = self.tree(stack_id), self.locks(stack_id)
        for option in ('--dry-run', '--unprotected'):
            done = (manage or self.heat.heat_manage)(
                'migrate-convergence-1', option, '--format', 'json', stack_id)
            outcome = command.outcomes(done.stdout)[stack_id]
            self.assertEqual('locked', outcome['code'], done.stderr)
        self.assertEqual(before, (self.tree(stack_id), self.locks(stack_id)))

    def assertConverts(self, stack_id):
        done = self.heat.heat_manage('migrate-convergence-1', stack_id)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual({True}, self.tree(stack_id).convergence())
        self.assertEqual([], self.locks(stack_id))

    def test_an_engine_that_was_killed(self):
        stack_id = self.stack_id('killed')
        with self.locked_by_the_engine(stack_id):
            self.engine.kill()
        # It has reported lately, but does not answer.
        self.assertLocked(stack_id)
        self.reported(_HOUR)
        # Nothing answers over a broker that is down.
        self.assertLocked(stack_id, self.useFixture(command.Commands(
            self.heat.database.url,
            transport_url='rabbit://guest:guest@127.0.0.1:%d/'
            % command.free_port())).run)
        self.assertConverts(stack_id)
        self.heat.start_engines(1)
        self.update('killed', '--existing')

    def test_an_engine_that_lives(self):
        stack_id = self.stack_id('living')
        with self.locked_by_the_engine(stack_id):
            # It answers, though its clock is behind.
            self.reported(_HOUR)
            self.assertLocked(stack_id)
            # It drains: it has closed its listener, and works on.
            self.reported(0 * _HOUR)
            self.engine.terminate()
            self.engine.wait_until(
                lambda: 'Engine listener is stopped' in self.engine.log(),
                'end of the listener')
            self.assertLocked(stack_id)
        processes.wait_until(lambda: not self.locks(stack_id), 'snapshot')
        self.assertConverts(stack_id)
