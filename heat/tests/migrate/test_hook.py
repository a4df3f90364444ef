# SPDX-License-Identifier: Apache-2.0

"""An update converts the stack first, or must not."""

from unittest import mock

import fixtures
from oslo_config import cfg
from oslo_db import exception as db_exception
from oslo_messaging.rpc import dispatcher
import sqlalchemy

from heat.common import exception
from heat.common.migrate import memory as migrate_memory
from heat.common import policy
from heat.db import api as db_api
from heat.db.migrate import roots as migrate_roots
from heat.db.migrate import state as migrate_state
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import credentials as migrate_credentials
from heat.engine.migrate import events as migrate_events
from heat.engine.migrate import graph as migrate_graph
from heat.engine import service
from heat.engine import stack_lock
from heat.objects import stack as stack_object
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
        self.freeze = self.patchobject(migrate_memory, 'freeze')
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
        with mock.patch.object(migrate_credentials,
                               'stored_context') as stored:
            self.update()
        self.assertTrue(self.converted())
        self.assertEqual(['COMPLETE'], [event.resource_status for event
                                        in self.events(self.stack)])
        # The stack is loaded with the context of the request.
        stored.assert_not_called()

    def test_the_update_itself_runs_under_convergence(self):
        with mock.patch.object(migrate_fixtures.parser.Stack,
                               'converge_stack') as converge:
            self.update()
        converge.assert_called_once()

    def test_the_options_decide_what_converts(self):
        own = self.row(self.stack).tenant
        for option, value, converts in (
                ('migrate_on_update', False, False),
                ('convergence_engine', False, False),
                ('migrate_on_update_projects', ['other'], False),
                ('migrate_on_update_projects', ['other', own], True)):
            stack = self.legacy({'a': []}, name='%s-%s' % (option, converts))
            cfg.CONF.set_override(option, value)
            self.update(stack)
            self.assertEqual(converts, self.converted(stack))
            cfg.CONF.clear_override(option)
            cfg.CONF.set_override('convergence_engine', True)
            cfg.CONF.set_override('migrate_on_update', True)

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

    def assertNotFound(self, **kwargs):
        exc = self.assertRaises(dispatcher.ExpectedException, self.update,
                                **kwargs)
        self.assertEqual(exception.EntityNotFound, exc.exc_info[0])

    def test_an_unknown_stack_gives_the_error_of_heat(self):
        self.stack.id = 'none'
        self.assertNotFound()

    def test_the_stack_of_another_project_is_neither_converted_nor_shown(self):
        self.assertNotFound(context=utils.dummy_context(tenant_id='stranger'))
        self.assertFalse(self.converted())
        self.assertEqual([], self.events(self.stack))

    def test_the_update_of_a_nested_stack_converts_nothing(self):
        child = self.legacy({'a': []}, name='child', owner_id=self.stack.id)
        self.update(child)
        self.assertFalse(self.converted(child))
        self.assertFalse(self.converted())


class NeverWorseOffTest(HookTestCase):
    """Any error of the converter leaves the update unchanged."""

    def assertUpdatedAsLegacy(self, reason):
        service.ThreadGroupManager.start.assert_called_once()
        self.assertFalse(self.converted())
        event, = self.events(self.stack)
        self.assertEqual('FAILED', event.resource_status)
        self.assertIn(reason, event.resource_status_reason)

    def test_each_update_says_why_it_did_not_convert(self):
        for update in (1, 2):
            self.set_values(models.Stack, self.stack.id, status='FAILED')
            self.update()
            if update == 1:
                self.assertUpdatedAsLegacy('is CREATE_FAILED')
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
        self.assertNotIn('secret',
                         self.events(self.stack)[0].resource_status_reason)

    def test_other_functions_that_raise(self):
        self.patchobject(convergence_migrate, 'convert',
                         side_effect=ZeroDivisionError)
        # The event cannot be stored, or the state cannot be read.
        for owner, name in ((migrate_events, 'refused'),
                            (migrate_state, 'get_with')):
            with mock.patch.object(owner, name,
                                   side_effect=ZeroDivisionError):
                self.update()
            service.ThreadGroupManager.start.assert_called_once()
            service.ThreadGroupManager.start.reset_mock()
            stack_lock.StackLock(self.ctx, self.stack.id,
                                 'engine-1').release()


class ReadingTest(HookTestCase):
    """What the hook reads before an update of a convergence stack."""

    def setUp(self):
        super().setUp()
        self.child = self.legacy({'b': []}, name='child',
                                 owner_id=self.stack.id)
        convergence_migrate.convert(self.ctx, self.stack.id)

    def read(self, function):
        with statements.Statements() as sent:
            function()
        return sent.texts

    def hook(self):
        self.engine._convert_before_update(
            self.ctx, dict(self.stack.identifier()), (), {})

    def heat(self):
        return self.engine._get_stack(self.ctx, dict(
            self.stack.identifier()))

    def test_it_adds_one_statement_to_what_heat_reads(self):
        alone = self.read(self.heat)
        self.assertEqual(len(alone) + 1, len(self.read(self.hook)))
        self.assertEqual([], self.read(self.heat))

    def test_it_is_one_transaction(self):
        begun = []
        listener = db_api.get_engine(), 'begin', begun.append
        sqlalchemy.event.listen(*listener)
        self.addCleanup(sqlalchemy.event.remove, *listener)
        self.hook()
        self.heat()
        self.assertEqual(1, len(begun))

    def test_heat_reads_the_next_time_itself(self):
        self.hook()
        self.heat()
        self.set_values(models.Stack, self.stack.id, action='CHECK')
        self.assertEqual('CHECK', self.heat().action)

    def test_a_legacy_stack_at_any_depth_is_found(self):
        self.assertIsNone(self.legacy_stack())
        deep = self.legacy({'a': []}, name='deep', owner_id=self.child.id)
        self.assertEqual(self.stack.id, self.legacy_stack().id)
        self.set_values(models.Stack, deep.id, backup=True)
        self.assertIsNone(self.legacy_stack())

    def legacy_stack(self):
        return self.engine._legacy_stack(self.ctx,
                                         dict(self.stack.identifier()))

    def test_a_broken_connection_is_tried_once_more(self):
        get_by_id = stack_object.Stack.get_by_id
        for faults, found in ((1, True), (2, False)):
            errors = [db_exception.DBConnectionError()] * faults

            def read(*args, **kwargs):
                if errors:
                    raise errors.pop()
                return get_by_id(*args, **kwargs)

            self.set_values(models.Stack, self.stack.id, convergence=False)
            with mock.patch.object(stack_object.Stack, 'get_by_id', read):
                self.assertEqual(found, self.legacy_stack() is not None)


class AgainTest(HookTestCase):
    """An update that lost a race with a revert runs again."""

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
    """The RPC method for heat-manage on any host, with Heat's exceptions."""

    def migrate(self, stack_id=None):
        self.engine.migrate_convergence_1(self.ctx,
                                          stack_id or self.stack.id)

    def refused(self, stack_id=None):
        return self.assertRaises(dispatcher.ExpectedException, self.migrate,
                                 stack_id).exc_info[1]

    def test_it_converts_whatever_the_flag_is(self):
        for flag in (True, False):
            cfg.CONF.set_override('migrate_on_update', flag)
            self.migrate()
            self.assertTrue(self.converted())
            convergence_migrate.revert(self.ctx, self.stack.id)

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

    def test_a_stack_that_is_not_complete(self):
        for status in ('IN_PROGRESS', 'FAILED'):
            self.set_values(models.Stack, self.stack.id, status=status)
            self.assertIsInstance(self.refused(), exception.ActionNotComplete)

    def test_a_locked_stack_which_gets_no_event(self):
        stack_lock.StackLock(self.ctx, self.stack.id, 'other').try_acquire()
        self.assertIsInstance(self.refused(), exception.ActionInProgress)
        self.assertEqual([], list(self.events(self.stack)))

    def test_any_other_refusal_has_its_code_and_one_event(self):
        self.set_values(models.Resource, self.resources(self.stack)['a'].id,
                        name='b')
        for _ in range(2):
            self.assertIn('_resources]', str(self.refused()))
        event, = self.events(self.stack)
        self.assertEqual('FAILED', event.resource_status)
        self.assertIn('Not converted', event.resource_status_reason)

    def test_an_unexpected_error_leaves_an_event_without_its_text(self):
        self.patchobject(convergence_migrate, 'convert',
                         side_effect=ZeroDivisionError('secret'))
        self.assertRaises(ZeroDivisionError, self.migrate)
        event, = self.events(self.stack)
        self.assertIn('ZeroDivisionError', event.resource_status_reason)
        self.assertNotIn('secret', event.resource_status_reason)


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
        self.assertEqual(stock, flagged[:1] + flagged[2:])

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
        for engine, warns in ((False, True), (True, False)):
            cfg.CONF.set_override('convergence_engine', engine)
            self.assertEqual(warns, 'migrate_on_update does nothing' in
                             self.start())

    def test_one_line_has_the_versions_and_what_is_left(self):
        self.legacy({}, name='another')
        self.assertRegex(self.start(), '(?m)^heat-convergence-migrate .* on '
                         'Heat [0-9.]+.*; legacy root stacks left: 2$')

    def test_what_is_loaded_is_frozen_before_the_workers_fork(self):
        # They fork after the service is made, and start it.
        self.freeze.assert_called_once_with()
        self.start()
        self.freeze.assert_called_once_with()

    def test_without_the_flag_an_engine_starts_as_heats_own(self):
        cfg.CONF.set_override('migrate_on_update', False)
        self.freeze.reset_mock()
        service.EngineService('host', 'topic')
        with statements.Statements() as sent:
            self.assertEqual('', self.start())
        self.assertEqual([], sent.texts)
        self.freeze.assert_not_called()

    def test_a_count_that_fails_does_not_keep_the_engine_from_starting(self):
        with mock.patch.object(migrate_roots, 'count_roots',
                               side_effect=ZeroDivisionError):
            self.assertIn('Cannot count', self.start())
