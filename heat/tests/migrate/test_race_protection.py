# SPDX-License-Identifier: Apache-2.0

"""No operation acts on a stack that changed its kind after the load."""

from unittest import mock

from oslo_config import cfg
import oslo_messaging
from oslo_messaging.rpc import dispatcher

from heat.common import exception
from heat.db.migrate import state as migrate_state
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import race_protection
from heat.engine import service
from heat.engine import stack_lock
from heat.objects import event as event_object
from heat.objects import snapshot as snapshot_object
from heat.objects import stack as stack_object
from heat.objects import user_creds as user_creds_object
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import test_hook
from heat.tests import releases
from heat.tests import utils


class OvertakenTestCase(test_hook.HookTestCase):
    """A stack that an engine has loaded, and that was converted since."""

    def setUp(self):
        super().setUp()
        self.loaded = self.load()
        convergence_migrate.convert(self.ctx, self.stack.id)
        self.manager = self.engine.thread_group_mgr
        self.lock = stack_lock.StackLock(self.ctx, self.stack.id, 'engine-1')
        self.request = self.patchobject(
            race_protection.rpc_client.EngineClient, 'delete_stack')

    def load(self):
        return migrate_fixtures.parser.Stack.load(
            self.ctx, stack_id=self.stack.id)

    def assertUnlocked(self):
        self.assertIsNone(self.lock.get_engine_id())

    def assertDeletedAgain(self):
        self.request.assert_called_once_with(
            self.ctx, dict(self.stack.identifier()), cast=False)


class LockTest(OvertakenTestCase):

    def start(self):
        return self.manager.start_with_lock(
            self.ctx, self.loaded, 'engine-1', self.loaded.update)

    def test_an_operation_does_not_run(self):
        exc = self.assertRaises(exception.ActionInProgress, self.start)
        service.ThreadGroupManager.start.assert_not_called()
        self.assertIn(self.stack.name, str(exc))
        self.assertUnlocked()

    def test_a_short_operation_under_the_lock_does_not_begin(self):
        self.assertRaises(exception.ActionInProgress, self.lock.__enter__)
        self.assertUnlocked()

    def test_a_legacy_operation_on_a_legacy_stack_runs(self):
        self.loaded = self.legacy({'a': []}, name='another')
        self.start()
        service.ThreadGroupManager.start.assert_called_once()

    def test_if_the_stack_cannot_be_read_nothing_runs(self):
        with mock.patch.object(migrate_state, 'get_convergence_name',
                               side_effect=ZeroDivisionError):
            self.assertRaises(exception.ActionInProgress, self.start)
        service.ThreadGroupManager.start.assert_not_called()
        self.assertUnlocked()

    def test_one_of_the_options_is_needed(self):
        cfg.CONF.set_override('migrate_on_update', False)
        self.start()
        service.ThreadGroupManager.start.assert_called_once()
        self.lock.release()
        cfg.CONF.set_override('migrate_protection', True)
        self.assertRaises(exception.ActionInProgress, self.start)

    @releases.as_a_whole
    def test_an_operation_for_both_kinds_of_stacks_runs(self):
        for loaded in (self.loaded, self.load()):
            self.manager.start_with_lock(self.ctx, loaded, 'engine-1',
                                         loaded.check)
            self.lock.release()
        self.assertEqual(2, service.ThreadGroupManager.start.call_count)

    @releases.by_resource
    def test_no_row_is_stored_for_a_snapshot_that_is_not_taken(self):
        stack = self.legacy({'a': []}, name='another')
        load = migrate_fixtures.parser.Stack.load

        def load_and_convert(*args, **kwargs):
            loaded = load(*args, **kwargs)
            self.patchobject(migrate_fixtures.parser.Stack, 'load',
                             side_effect=load)
            convergence_migrate.convert(self.ctx, stack.id)
            return loaded

        self.patchobject(migrate_fixtures.parser.Stack, 'load',
                         side_effect=load_and_convert)
        self.assertRaises(dispatcher.ExpectedException,
                          self.engine.stack_snapshot, self.ctx,
                          dict(stack.identifier()), 'snapshot')
        self.assertEqual([], list(snapshot_object.Snapshot.get_all(
            self.ctx, stack.id)))


class DeleteTest(OvertakenTestCase):

    def start(self, **kwargs):
        with self.lock.try_thread_lock():
            self.manager.start_with_acquired_lock(
                self.loaded, self.lock, self.loaded.delete, **kwargs)

    def test_a_delete_that_the_user_waits_for_is_refused(self):
        self.assertRaises(exception.ActionInProgress, self.start,
                          notify=mock.Mock())
        service.ThreadGroupManager.start.assert_not_called()
        self.request.assert_not_called()
        self.assertUnlocked()

    def test_a_delete_that_waited_for_the_lock_is_done_again(self):
        # Also if Heat has loaded the stack again meanwhile.
        for loaded in (self.loaded, self.load()):
            self.loaded = loaded
            self.start()
            service.ThreadGroupManager.start.assert_not_called()
            self.assertDeletedAgain()
            self.assertUnlocked()
            self.request.reset_mock()

    def test_a_delete_that_has_waited_too_long_is_requested_again(self):
        self.manager.start_with_lock(self.ctx, self.loaded, 'engine-1',
                                     self.loaded.delete)
        service.ThreadGroupManager.start.assert_not_called()
        self.assertDeletedAgain()
        self.assertUnlocked()

    def test_a_delete_that_a_revert_overtakes_is_asked_for_again(self):
        self.request.side_effect = [exception.ActionInProgress(
            stack_name='it', action='MIGRATE'), None]
        self.start()
        self.assertEqual(2, self.request.call_count)
        self.assertEqual([], self.reasons())

    def test_an_event_says_why_a_delete_was_not_begun(self):
        for error, reasons in (
                # Overtaken every time.
                (exception.ActionInProgress(stack_name='it',
                                            action='MIGRATE'),
                 ['the stack has changed since it was requested, and no '
                  'operation is in progress.']),
                (oslo_messaging.MessagingTimeout(),
                 ['no engine has confirmed it (MessagingTimeout).']),
                # The stack is gone.
                (exception.EntityNotFound(entity='Stack', name='it'), [])):
            known = self.reasons()
            self.request.side_effect = error
            self.start()
            self.assertCountEqual(
                known + ['The delete was not begun: ' + reason
                         for reason in reasons], self.reasons())

    def reasons(self):
        """Reasons of the stack's events, without those of conversions."""
        return [event.resource_status_reason for event in
                event_object.Event.get_all_by_stack(self.ctx, self.stack.id)
                if event.resource_action != 'MIGRATE' and
                'not begun' in event.resource_status_reason]

    def test_a_delete_that_another_operation_keeps_out_is_not(self):
        stack = self.legacy({'a': []}, name='another')
        stack_lock.StackLock(self.ctx, stack.id, 'engine-1').try_acquire()
        self.assertRaises(
            exception.ActionInProgress, self.manager.start_with_lock,
            self.ctx, stack, 'engine-1', stack.delete)
        self.request.assert_not_called()

    def test_without_the_flag_it_is_the_stock_one(self):
        cfg.CONF.set_override('migrate_on_update', False)
        self.start()
        service.ThreadGroupManager.start.assert_called_once()


class StoreTest(OvertakenTestCase):
    """Credentials that are stored while a stack is loaded for an update."""

    def set_credentials(self, credentials):
        stack_object.Stack.update_by_id(self.ctx, self.stack.id,
                                        {'user_creds_id': credentials})

    def test_a_converted_stack_gets_its_credentials_and_no_more(self):
        # The renewal deletes the old credentials, and clears this column.
        self.set_credentials(None)
        before = self.rows(self.stack)
        self.loaded.user_creds_id = 7
        self.loaded.store()
        before['stack'][0]['user_creds_id'] = 7
        self.assertEqual(before, self.rows(self.stack))

    def test_a_converted_stack_keeps_credentials_that_are_newer(self):
        self.set_credentials(8)
        before = self.rows(self.stack)
        self.loaded.store()
        self.assertEqual(before, self.rows(self.stack))

    def test_a_legacy_stack_stores_all_of_itself(self):
        self.loaded = self.legacy({'a': []}, name='another')
        self.loaded.status_reason = 'changed'
        self.loaded.store()
        row = stack_object.Stack.get_by_id(self.ctx, self.loaded.id)
        self.assertEqual('changed', row.status_reason)

    def test_migrate_protection_is_enough(self):
        cfg.CONF.set_override('migrate_on_update', False)
        cfg.CONF.set_override('migrate_protection', True)
        self.test_a_converted_stack_gets_its_credentials_and_no_more()

    def test_a_part_of_the_row_is_stored_as_heat_does(self):
        stack = self.legacy({'a': []}, name='another')
        with mock.patch.object(race_protection.migrate_lost_race,
                               'store_legacy') as store:
            stack.state_set('CHECK', 'IN_PROGRESS', 'started')
        store.assert_not_called()
        self.assertEqual('CHECK', self.row(stack).action)

    def test_without_the_flag_nothing_is_asked(self):
        cfg.CONF.set_override('migrate_on_update', False)
        with mock.patch.object(race_protection.migrate_lost_race,
                               'store_legacy') as store:
            self.loaded.store()
        store.assert_not_called()


class RevertedTest(OvertakenTestCase):
    """A stack that was loaded as convergence, and was reverted since.

    Operations with a traversal are in heat.tests.functional.races.test_revert.
    """

    def setUp(self):
        super().setUp()
        self.loaded = self.load()
        convergence_migrate.revert(self.ctx, self.stack.id)
        self.reverted = self.rows(self.stack)

    def start(self, func, *args):
        return self.manager.start_with_lock(self.ctx, self.loaded, 'engine-1',
                                            func, *args)

    def test_an_operation_that_takes_the_lock_does_not_run(self):
        # Before Heat 26 these are suspend, resume, check and snapshot.
        self.assertRaises(exception.ActionInProgress, self.start,
                          self.loaded.check)
        service.ThreadGroupManager.start.assert_not_called()
        self.assertUnlocked()

    def test_no_row_is_left_of_a_snapshot_that_is_not_taken(self):
        def _stack_snapshot(stack, snapshot):
            """The function of EngineService.stack_snapshot before Heat 26."""

        snapshot = snapshot_object.Snapshot.create(self.ctx, {
            'tenant': self.ctx.project_id, 'name': 'new',
            'stack_id': self.stack.id, 'status': 'IN_PROGRESS'})
        self.assertRaises(exception.ActionInProgress, self.start,
                          _stack_snapshot, self.loaded, snapshot)
        with utils.get_engine().connect() as connection:
            self.assertEqual([], connection.execute(
                models.Snapshot.__table__.select()).all())

    def test_without_the_flag_nothing_is_asked(self):
        cfg.CONF.set_override('migrate_on_update', False)
        self.start(self.loaded.check)
        service.ThreadGroupManager.start.assert_called_once()

    def _store_with_new_credentials(self):
        """Store the stack as heat.engine.stack does to renew a trust."""
        self.patchobject(self.loaded.clients, 'client')
        self.loaded.clients.client.return_value = mock.Mock(
            **{'regenerate_trust_context.return_value': self.ctx})
        self.loaded.refresh_cred = True
        return self.loaded.store()

    def test_new_credentials_are_stored_and_no_more(self):
        self.assertIsNone(self._store_with_new_credentials())
        row, new = self.reverted['stack'][0], int(self.loaded.user_creds_id)
        self.assertNotEqual(row['user_creds_id'], new)
        row['user_creds_id'] = new
        self.assertEqual(self.reverted, self.rows(self.stack))

    def test_newer_credentials_are_kept_and_the_others_deleted(self):
        newer = user_creds_object.UserCreds.create(self.ctx)
        stack_object.Stack.update_by_id(self.ctx, self.stack.id,
                                        {'user_creds_id': newer.id})
        self.assertIsNone(self._store_with_new_credentials())
        self.assertIsNone(self.loaded.user_creds_id)
        self.reverted['stack'][0]['user_creds_id'] = int(newer.id)
        self.assertEqual(self.reverted, self.rows(self.stack))
        with utils.get_engine().connect() as connection:
            self.assertEqual([int(newer.id)], [row.id for row in (
                connection.execute(models.UserCreds.__table__.select()))])

    def test_without_the_flag_new_credentials_are_lost_as_in_heat(self):
        cfg.CONF.set_override('migrate_on_update', False)
        self.reverted['stack'][0]['user_creds_id'] = None
        self.assertIsNone(self._store_with_new_credentials())
        self.assertEqual(self.reverted, self.rows(self.stack))
