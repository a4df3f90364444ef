# SPDX-License-Identifier: Apache-2.0

"""An update converts the stack first, or must not."""

from unittest import mock

from oslo_config import cfg
from oslo_messaging.rpc import dispatcher

from heat.common import exception
from heat.common.migrate import memory as migrate_memory
from heat.common import policy
from heat.db.migrate import state as migrate_state
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import credentials as migrate_credentials
from heat.engine.migrate import events as migrate_events
from heat.engine.migrate import graph as migrate_graph
from heat.engine.migrate import race_protection
from heat.engine import service
from heat.engine import stack_lock
from heat.tests.migrate import fixtures as migrate_fixtures
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

    def test_an_update_that_lost_to_a_revert_is_repeated_as_it_was_given(self):
        given = []

        def lose_once(_engine, _context, _identity, template, *_args):
            given.append(dict(template))
            template.clear()
            if len(given) == 1:
                raise dispatcher.ExpectedException()

        self.patchobject(race_protection, 'lost_to_revert', return_value=True)
        with mock.patch.object(service.EngineService.__base__, 'update_stack',
                               lose_once):
            self.update()
        self.assertEqual([migrate_fixtures.template_of({'a': []})] * 2, given)

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
