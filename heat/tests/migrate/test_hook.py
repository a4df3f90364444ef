# SPDX-License-Identifier: Apache-2.0

"""When an update converts the stack first, and when it must not."""

from unittest import mock

import fixtures
from oslo_config import cfg
from oslo_messaging.rpc import dispatcher

from heat.common import exception
from heat.common.migrate import memory as migrate_memory
from heat.common import policy
from heat.db.migrate import counts as migrate_counts
from heat.db.migrate import tree as migrate_tree
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import credentials as migrate_credentials
from heat.engine.migrate import events as migrate_events
from heat.engine.migrate import graph as migrate_graph
from heat.engine import service
from heat.engine import stack_lock
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import statements
from heat.tests.migrate import test_convergence_migrate
from heat.tests import utils


class HookTestCase(test_convergence_migrate.MigrateTestCase):

    def setUp(self):
        super().setUp()
        self.patch('heat.engine.service.ThreadGroupManager.start')
        self.patch('heat.engine.service.NotifyEvent.wait')
        self.patch('heat.engine.stack.Stack.validate')
        # Before Heat 25 it asks Keystone.
        self.patch('heat.engine.stack.Stack._check_refresh_cred',
                   return_value=False)
        self.patchobject(policy.ResourceEnforcer, 'enforce_stack')
        cfg.CONF.set_override('convergence_engine', True)
        cfg.CONF.set_override('migrate_on_update', True)
        self.settle = self.patchobject(migrate_memory, 'settle')
        self.engine = service.EngineService('host', 'topic')
        self.engine.thread_group_mgr = service.ThreadGroupManager()
        self.engine.engine_id = 'engine-1'
        self.stack = self.legacy({'a': []})

    def update(self, stack=None, context=None):
        stack = stack or self.stack
        return self.engine.update_stack(
            context or self.ctx, dict(stack.identifier()),
            migrate_fixtures.template_of({'a': []}), {}, None, {})

    def converted(self, stack=None):
        return bool(self.row(stack or self.stack).convergence)


class UpdateTest(HookTestCase):

    def test_an_update_converts_a_legacy_stack(self):
        self.update()
        self.assertTrue(self.converted())
        self.assertEqual(['COMPLETE'], [event.resource_status for event
                                        in self.events(self.stack)])

    def test_the_update_itself_runs_under_convergence(self):
        with mock.patch.object(migrate_fixtures.parser.Stack,
                               'converge_stack') as converge:
            self.update()
        converge.assert_called_once()

    def test_the_stack_is_loaded_with_the_context_of_the_request(self):
        with mock.patch.object(migrate_credentials,
                               'stored_context') as stored:
            self.update()
        stored.assert_not_called()
        self.assertTrue(self.converted())

    def test_without_the_flag_it_stays_legacy(self):
        cfg.CONF.set_override('migrate_on_update', False)
        self.update()
        self.assertFalse(self.converted())

    def test_without_convergence_engine_it_stays_legacy(self):
        cfg.CONF.set_override('convergence_engine', False)
        self.update()
        self.assertFalse(self.converted())

    def test_a_stack_of_a_chosen_project_converts(self):
        cfg.CONF.set_override('migrate_on_update_projects',
                              ['other', self.row(self.stack).tenant])
        self.update()
        self.assertTrue(self.converted())

    def test_a_stack_of_another_project_stays_legacy(self):
        cfg.CONF.set_override('migrate_on_update_projects', ['other'])
        self.update()
        self.assertFalse(self.converted())

    def test_a_stack_whose_update_heat_refuses_stays_converted(self):
        invalid = exception.StackValidationFailed(message='invalid')
        with mock.patch.object(migrate_fixtures.parser.Stack, 'validate',
                               side_effect=invalid):
            self.assertRaises(dispatcher.ExpectedException, self.update)
        self.assertTrue(self.converted())
        self.assertEqual(['COMPLETE'], [event.resource_status for event
                                        in self.events(self.stack)])

    def test_a_preview_converts_nothing(self):
        self.engine.preview_update_stack(
            self.ctx, dict(self.stack.identifier()),
            migrate_fixtures.template_of({'a': []}), {}, None, {})
        self.assertFalse(self.converted())

    def test_an_update_of_a_suspended_stack_converts_nothing(self):
        self.set_values(models.Stack, self.stack.id, action='SUSPEND')
        self.assertRaises(dispatcher.ExpectedException, self.update)
        self.assertFalse(self.converted())
        self.assertEqual([], self.events(self.stack))

    def test_an_unknown_stack_gives_the_error_of_heat(self):
        self.stack.id = 'none'
        exc = self.assertRaises(dispatcher.ExpectedException, self.update)
        self.assertEqual(exception.EntityNotFound, exc.exc_info[0])

    def test_the_stack_of_another_project_is_neither_converted_nor_told(self):
        stranger = utils.dummy_context(tenant_id='stranger')
        exc = self.assertRaises(dispatcher.ExpectedException, self.update,
                                context=stranger)
        self.assertEqual(exception.EntityNotFound, exc.exc_info[0])
        self.assertFalse(self.converted())
        self.assertEqual([], self.events(self.stack))

    def test_the_update_of_a_nested_stack_converts_nothing(self):
        child = self.legacy({'a': []}, name='child', owner_id=self.stack.id)
        self.update(child)
        self.assertFalse(self.converted(child))
        self.assertFalse(self.converted())


class NeverWorseOffTest(HookTestCase):
    """Whatever the converter does, the update runs as it would have."""

    def assertUpdatedAsLegacy(self, reason):
        service.ThreadGroupManager.start.assert_called_once()
        self.assertFalse(self.converted())
        event, = self.events(self.stack)
        self.assertEqual('FAILED', event.resource_status)
        self.assertIn(reason, event.resource_status_reason)

    def test_a_refused_conversion(self):
        self.set_values(models.Stack, self.stack.id, status='FAILED')
        self.update()
        self.assertUpdatedAsLegacy('is CREATE_FAILED')

    def test_each_update_tells_why_it_did_not_convert(self):
        self.set_values(models.Stack, self.stack.id, status='FAILED')
        for _update in range(2):
            self.set_values(models.Stack, self.stack.id, status='FAILED')
            self.update()
            stack_lock.StackLock(self.ctx, self.stack.id,
                                 'engine-1').release()
        self.assertEqual(['FAILED'] * 2, [
            event.resource_status for event in self.events(self.stack)])

    def test_a_stack_that_is_deleted_meanwhile_gets_no_event(self):
        def delete(*args, **kwargs):
            self.set_values(models.Stack, self.stack.id,
                            deleted_at=self.stack.created_time)
            raise AttributeError('gone')
        with mock.patch.object(migrate_graph,
                               'requirements', delete):
            self.assertRaises(dispatcher.ExpectedException, self.update)
        self.assertEqual([], self.events(self.stack))

    def test_a_converter_that_raises(self):
        with mock.patch.object(convergence_migrate, 'convert',
                               side_effect=ZeroDivisionError('secret')):
            self.update()
        self.assertUpdatedAsLegacy('unexpected ZeroDivisionError')

    def test_what_the_converter_raised_is_not_shown_to_the_user(self):
        with mock.patch.object(convergence_migrate, 'convert',
                               side_effect=ZeroDivisionError('secret')):
            self.update()
        self.assertNotIn('secret',
                         self.events(self.stack)[0].resource_status_reason)

    def test_an_event_that_cannot_be_stored(self):
        with mock.patch.object(convergence_migrate, 'convert',
                               side_effect=ZeroDivisionError):
            with mock.patch.object(migrate_events, 'refused',
                                   side_effect=ZeroDivisionError):
                self.update()
        service.ThreadGroupManager.start.assert_called_once()

    def test_a_state_that_cannot_be_read(self):
        with mock.patch.object(migrate_tree, 'get_state',
                               side_effect=ZeroDivisionError):
            self.update()
        service.ThreadGroupManager.start.assert_called_once()


class AgainTest(HookTestCase):
    """An update that lost a race with a revert runs once more."""

    def test_it_runs_with_what_the_user_has_sent(self):
        seen = []

        def update(_self, _context, _identity, _template, params, *_args):
            seen.append(dict(params))
            params['changed'] = 'by Heat'
            if len(seen) == 1:
                raise dispatcher.ExpectedException()

        self.patch('heat.engine.migrate.race_protection.lost_to_revert',
                   return_value=True)
        with mock.patch.object(service.EngineService.__mro__[1],
                               'update_stack', update):
            self.update()

        self.assertEqual([{}, {}], seen)


class RpcTest(HookTestCase):
    """The method behind heat-manage of any host, with Heat's exceptions."""

    def migrate(self, stack_id=None):
        self.engine.migrate_convergence_1(self.ctx,
                                          stack_id or self.stack.id)

    def refused(self, stack_id=None):
        return self.assertRaises(dispatcher.ExpectedException, self.migrate,
                                 stack_id).exc_info[1]

    def test_it_converts(self):
        self.migrate()
        self.assertTrue(self.converted())

    def test_it_converts_whatever_the_flag_is(self):
        cfg.CONF.set_override('migrate_on_update', False)
        self.migrate()
        self.assertTrue(self.converted())

    def test_a_convergence_stack_is_no_error(self):
        self.migrate()
        self.migrate()
        self.assertEqual(1, len(self.events(self.stack)))

    def test_an_unknown_stack(self):
        self.assertIsInstance(self.refused('100%'), exception.NotFound)

    def test_a_nested_stack(self):
        child = self.legacy({}, name='child', owner_id=self.stack.id)
        refused = self.refused(child.id)
        self.assertIsInstance(refused, exception.NotSupported)
        self.assertIn(self.stack.id, str(refused))

    def test_an_operation_in_progress(self):
        self.set_values(models.Stack, self.stack.id, status='IN_PROGRESS')
        self.assertIsInstance(self.refused(), exception.ActionNotComplete)

    def test_a_failed_stack(self):
        self.set_values(models.Stack, self.stack.id, status='FAILED')
        self.assertIsInstance(self.refused(), exception.ActionNotComplete)

    def test_a_locked_stack(self):
        stack_lock.StackLock(self.ctx, self.stack.id, 'other').try_acquire()
        self.assertIsInstance(self.refused(), exception.ActionInProgress)

    def test_any_other_refusal_carries_its_code(self):
        self.set_values(models.Resource, self.resources(self.stack)['a'].id,
                        name='b')
        self.assertIn('_resources]', str(self.refused()))


class CostTest(HookTestCase):

    def _statements_of_an_update(self, flag):
        stack = self.legacy({'a': []}, name='flag-%s' % flag)
        convergence_migrate.convert(self.ctx, stack.id)
        cfg.CONF.set_override('migrate_on_update', flag)
        with statements.Statements() as sent:
            self.update(stack)
        return sent.texts

    def test_a_convergence_stack_costs_one_statement_more(self):
        stock, flagged = (self._statements_of_an_update(flag)
                          for flag in (False, True))
        self.assertEqual(stock, flagged[1:])

    def test_without_the_flag_a_legacy_update_is_the_stock_one(self):
        cfg.CONF.set_override('migrate_on_update', False)
        with statements.Statements() as ours:
            self.update()
        stack_lock.StackLock(self.ctx, self.stack.id, 'engine-1').release()
        self.engine.__class__ = service.EngineService.__base__
        threads = service.ThreadGroupManager
        for owner, name, stock in (
                (stack_lock, 'StackLock', stack_lock.StackLock.__base__),
                (threads, 'start_with_acquired_lock',
                 threads.start_with_acquired_lock.__wrapped__)):
            self.useFixture(fixtures.MockPatchObject(owner, name, stock))
        with statements.Statements() as stock:
            self.update()
        self.assertEqual(stock.texts, ours.texts)


class StartTest(HookTestCase):

    def start(self):
        log = self.useFixture(fixtures.FakeLogger('heat.engine.service'))
        with mock.patch.object(service.EngineService.__base__, 'start'):
            self.engine.start()
        return log.output

    def test_the_flag_without_convergence_engine_is_a_warning(self):
        cfg.CONF.set_override('convergence_engine', False)
        self.assertIn('migrate_on_update does nothing', self.start())

    def test_the_flag_with_convergence_engine_is_none(self):
        self.assertNotIn('migrate_on_update does nothing', self.start())

    def test_one_line_tells_the_versions_and_what_is_left(self):
        self.legacy({}, name='another')
        self.assertRegex(self.start(), '(?m)^heat-convergence-migrate .* on '
                         'Heat [0-9.]+.*; legacy root stacks left: 2$')

    def test_what_is_loaded_is_settled_before_the_workers_fork(self):
        # They fork with the service that there is by then, and start it.
        self.settle.assert_called_once_with()
        self.start()
        self.settle.assert_called_once_with()

    def test_without_the_flag_an_engine_starts_as_heats_own(self):
        cfg.CONF.set_override('migrate_on_update', False)
        self.settle.reset_mock()
        service.EngineService('host', 'topic')
        with statements.Statements() as sent:
            self.assertEqual('', self.start())
        self.assertEqual([], sent.texts)
        self.settle.assert_not_called()

    def test_a_count_that_fails_does_not_keep_the_engine_from_starting(self):
        with mock.patch.object(migrate_counts, 'count_roots',
                               side_effect=ZeroDivisionError):
            self.assertIn('Cannot count', self.start())
