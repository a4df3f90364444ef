# SPDX-License-Identifier: Apache-2.0

"""A conversion takes over the lock of an engine that is certainly dead."""

import datetime
from unittest import mock

import fixtures
import oslo_messaging
from oslo_utils import timeutils

from heat.common import messaging
from heat.common.migrate import broker as migrate_broker
from heat.common.migrate import exception as migrate_exception
from heat.common import service_utils
from heat.db.migrate import write as migrate_write
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import dead_engines
from heat.engine import stack_lock
from heat.objects import service as service_object
from heat.tests.migrate import test_convergence_migrate

HOUR = datetime.timedelta(hours=1)


class DeadEngineTestCase(test_convergence_migrate.MigrateTestCase):
    """A COMPLETE stack with the lock of an engine."""

    def setUp(self):
        super().setUp()
        self.stack = self.legacy({'a': []})
        stack_lock.StackLock(self.ctx, self.stack.id, 'other').try_acquire()
        self.useFixture(fixtures.MockPatchObject(
            dead_engines, '_found_dead', {}))
        self.patchobject(migrate_broker, 'is_rabbit', return_value=True)
        self.broker = self.patchobject(migrate_broker, 'error',
                                       return_value=None)
        self.alive = self.patchobject(service_utils, 'engine_alive',
                                      return_value=False)

    def service(self, age):
        """Add the service row of the engine.

        :param age: how long ago it reported, by the clock of this host
        """
        service = service_object.Service.create(self.ctx, {
            'host': 'host', 'hostname': 'host', 'binary': 'heat-engine',
            'topic': 'engine', 'engine_id': 'other', 'report_interval': 60})
        self.set_values(models.Service, service.id,
                        updated_at=timeutils.utcnow() - age)

    def assertTakenOver(self):
        convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertTrue(self.row(self.stack).convergence)
        self.assertIsNone(self.locked_by(self.stack))

    def assertLocked(self):
        self.assertRaises(migrate_exception.Locked,
                          convergence_migrate.convert, self.ctx,
                          self.stack.id)
        self.assertEqual('other', self.locked_by(self.stack))


class DeadEngineTest(DeadEngineTestCase):

    def test_an_engine_that_does_not_answer(self):
        # It has no service row, or an old one.
        self.assertFalse(convergence_migrate.plan(
            self.ctx, self.stack.id).nothing_to_do)
        self.assertTakenOver()
        convergence_migrate.revert(self.ctx, self.stack.id)
        stack_lock.StackLock(self.ctx, self.stack.id, 'other').try_acquire()
        dead_engines._found_dead.clear()
        self.service(age=HOUR)
        self.assertTakenOver()

    def test_a_dead_engine_is_called_for_one_of_its_locks_only(self):
        for _lock in range(2):
            self.assertEqual({'other'}, dead_engines.of(self.ctx, ['other']))
        self.assertEqual(dead_engines._CALLS, self.alive.call_count)

    def test_a_dead_engine_is_not_remembered_for_ever(self):
        dead_engines.of(self.ctx, ['other'])
        self.alive.return_value = True
        with mock.patch.object(dead_engines, 'REMEMBERED', 0):
            self.assertEqual(set(), dead_engines.of(self.ctx, ['other']))

    def test_an_engine_that_drains(self):
        # It has closed its listener, and its service row is still there.
        self.service(age=0 * HOUR)
        self.assertLocked()
        self.alive.assert_not_called()

    def test_an_engine_that_answers_in_the_end(self):
        # Its clock is behind.
        self.service(age=HOUR)
        for answers in ([True], [False, False, True]):
            self.alive.side_effect = answers
            self.assertLocked()

    def test_an_engine_whose_clock_is_ahead(self):
        self.service(age=-HOUR)
        self.assertLocked()

    def test_the_broker_is_down(self):
        self.broker.return_value = 'it does not answer'
        self.assertLocked()
        self.alive.assert_not_called()

    def test_a_transport_that_cannot_be_used(self):
        for function, values in (
                (migrate_broker.is_rabbit, {'return_value': False}),
                (self.broker, {'side_effect': oslo_messaging.
                               InvalidTransportURL('x', 'y')}),
                (self.alive, {'side_effect': oslo_messaging.
                              MessageDeliveryFailure()})):
            function.configure_mock(**values)
            self.assertLocked()
            function.configure_mock(side_effect=None, return_value={
                migrate_broker.is_rabbit: True}.get(function))

    def test_without_a_lock_no_engine_is_called(self):
        stack_lock.StackLock(self.ctx, self.stack.id, 'other').release()
        self.assertTakenOver()
        self.broker.assert_not_called()

    def test_another_engine_takes_the_lock_meanwhile(self):
        write = migrate_write.write

        def steal(*args):
            self.execute(models.StackLock.__table__.update().values(
                engine_id='living'))
            self.service(age=0 * HOUR)
            self.patchobject(dead_engines, 'of', return_value=set())
            return write(*args)

        with mock.patch.object(migrate_write, 'write', steal):
            self.assertRaises(migrate_exception.Locked,
                              convergence_migrate.convert, self.ctx,
                              self.stack.id)
        self.assertFalse(self.row(self.stack).convergence)
        self.assertEqual('living', self.locked_by(self.stack))

    def test_a_conversion_that_fails_leaves_the_lock(self):
        with mock.patch.object(migrate_write, '_unlock',
                               side_effect=ZeroDivisionError):
            self.assertRaises(ZeroDivisionError, convergence_migrate.convert,
                              self.ctx, self.stack.id)
        self.assertEqual('other', self.locked_by(self.stack))


class MessagingTest(DeadEngineTestCase):
    """A command has no messaging set up."""

    def setUp(self):
        super().setUp()
        for name in ('TRANSPORT', 'NOTIFIER'):
            self.patchobject(messaging, name, new=None)

    def patchobject(self, target, name, **kwargs):
        patcher = mock.patch.object(target, name, **kwargs)
        self.addCleanup(patcher.stop)
        return patcher.start()

    def test_asking_sets_no_notifications_up(self):
        def setup():
            messaging.TRANSPORT = messaging.NOTIFIER = mock.Mock()

        self.patchobject(messaging, 'setup', side_effect=setup)
        self.assertTakenOver()
        self.assertIsNone(messaging.NOTIFIER)
