# SPDX-License-Identifier: Apache-2.0

"""An update converts a stack whose last operation failed."""

from unittest import mock

from oslo_config import cfg
from oslo_messaging.rpc import dispatcher

from heat.common import exception
from heat.db import models
from heat.engine import service
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import hanging
from heat.tests.migrate import test_hook


class FailedTest(test_hook.HookTestCase):

    def setUp(self):
        super().setUp()
        cfg.CONF.set_override('migrate_on_update_failed', True)
        self.set_values(models.Stack, self.stack.id, action='UPDATE',
                        status='FAILED')

    def set_target(self, template, **parameters):
        """Give the stack the template of a last update."""
        self.set_values(
            models.Stack, self.stack.id, prev_raw_template_id=self.add(
                models.RawTemplate(template=template, files={}, environment={
                    'parameters': parameters})))

    def patch_update(self, **parameters):
        return self.engine.update_stack(
            self.ctx, dict(self.stack.identifier()), None,
            {'parameters': parameters}, None, {'existing': True})

    def test_an_update_converts_it(self):
        self.update()
        self.assertTrue(self.converted())
        self.assertEqual(['COMPLETE'], [event.resource_status for event
                                        in self.events(self.stack)])

    def test_an_update_converts_one_with_a_backup_stack(self):
        # The template of the backup stack is copied before the deadline.
        backup = self.legacy({'a': []}, name='legacy*',
                             owner_id=self.stack.id)
        self.set_values(models.Stack, backup.id, backup=True)
        old = self.resources(backup)['a'].id
        self.update()
        self.assertTrue(self.converted())
        row = self.stored_row(models.Resource, old)
        self.assertEqual(self.stack.id, row.stack_id)
        self.assertNotIn(row.current_template_id, (None, backup.t.id))

    def test_an_update_converts_a_complete_one_with_a_backup_stack(self):
        backup = self.legacy({'a': []}, name='legacy*',
                             owner_id=self.stack.id)
        self.set_values(models.Stack, backup.id, backup=True)
        self.set_values(models.Stack, self.stack.id, status='COMPLETE')
        self.update()
        self.assertTrue(self.converted())

    def test_a_patch_goes_on_from_the_template_of_the_failed_update(self):
        target = migrate_fixtures.template_of({'a': [], 'b': []})
        self.set_target(target)
        with mock.patch.object(migrate_fixtures.parser.Stack,
                               'converge_stack') as converge:
            self.patch_update()
        self.assertEqual(target, converge.call_args.kwargs['template'].t)

    def test_the_template_of_a_convergence_root_stays(self):
        self.set_target(migrate_fixtures.template_of({'a': [], 'b': []}))
        self.set_values(models.Stack, self.stack.id, convergence=True)
        child = self.legacy({}, name='child', owner_id=self.stack.id)
        self.set_values(models.Resource, self.resources(self.stack)['a'].id,
                        physical_resource_id=child.id)
        validated = []

        def stop(engine, cnxt, stack, *args):
            validated.append(stack.t.id)
            raise exception.StackValidationFailed(message='no')

        with mock.patch.object(service.EngineService,
                               '_prepare_stack_updates', new=stop):
            self.assertRaises(dispatcher.ExpectedException, self.update)
        own = self.row(self.stack).raw_template_id
        # The update itself follows the check before it.
        self.assertEqual([own, own], validated)

    def test_without_the_option_it_stays_legacy(self):
        cfg.CONF.set_override('migrate_on_update_failed', False)
        self.update()
        self.assertFalse(self.converted())
        event, = self.events(self.stack)
        self.assertEqual('FAILED', event.resource_status)
        self.assertIn('UPDATE_FAILED', event.resource_status_reason)

    def test_without_migrate_on_update_it_stays_legacy(self):
        cfg.CONF.set_override('migrate_on_update', False)
        self.update()
        self.assertFalse(self.converted())

    def test_an_update_that_heat_refuses_leaves_every_row(self):
        before = self.rows(self.stack)
        self.patch('heat.engine.stack.Stack.validate',
                   side_effect=exception.StackValidationFailed(message='no'))
        refused = self.assertRaises(dispatcher.ExpectedException, self.update)
        self.assertEqual(exception.StackValidationFailed,
                         refused.exc_info[0])
        self.assertEqual(before, self.rows(self.stack))
        self.assertEqual([], self.events(self.stack))

    def check_fails(self, error):
        """Let Heat's check of an update fail.

        :returns: the kinds of stacks that it has seen: convergence or not
        """
        seen = []

        def fail(engine, cnxt, stack, *args):
            seen.append(stack.convergence)
            raise error

        self.patchobject(service.EngineService, '_prepare_stack_updates',
                         new=fail)
        return seen

    def test_the_check_takes_it_for_a_convergence_stack(self):
        seen = self.check_fails(exception.StackValidationFailed(message='no'))
        self.assertRaises(dispatcher.ExpectedException, self.update)
        # The update itself follows.
        self.assertEqual([True, False], seen)

    def test_an_update_with_a_wrong_value_leaves_every_row(self):
        before = self.rows(self.stack)
        self.check_fails(ValueError())
        self.assertRaises(ValueError, self.update)
        self.assertEqual(before, self.rows(self.stack))
        self.assertEqual([], self.events(self.stack))

    def test_a_check_that_breaks_converts_nothing_and_leaves_an_event(self):
        self.check_fails(ConnectionError())
        self.assertRaises(ConnectionError, self.update)
        self.assertFalse(self.converted())
        event, = self.events(self.stack)
        self.assertIn('unexpected ConnectionError',
                      event.resource_status_reason)

    def test_a_resource_that_policy_forbids_leaves_every_row(self):
        # The update removes it: only the present template names it.
        stack = self.legacy({'a': [], 'b': []}, name='with-b')
        self.set_values(models.Stack, stack.id, action='UPDATE',
                        status='FAILED')
        before = self.rows(stack)

        def forbid(of, **_kwargs):
            if 'b' in of.defn.enabled_rsrc_names():
                raise exception.Forbidden()

        self.engine.resource_enforcer.enforce_stack.side_effect = forbid
        self.assertRaises(dispatcher.ExpectedException, self.update, stack)
        self.assertEqual(before, self.rows(stack))

    def test_a_check_that_hangs_ends_at_the_deadline(self):
        planning = self.useFixture(hanging.HangingPlanning())
        self.patch('heat.engine.stack.Stack.validate',
                   new=lambda *args, **kwargs: planning.hang())
        cfg.CONF.set_override('migrate_on_update_timeout', 60)
        self.update()
        self.assertFalse(self.converted())
        event, = self.events(self.stack)
        self.assertIn('took longer than', event.resource_status_reason)

    def test_parameters_are_checked_against_the_target(self):
        template = migrate_fixtures.template_of({'a': []})
        template['parameters'] = {'size': {'type': 'number'}}
        self.set_target(template, size=1)
        before = self.rows(self.stack)
        # Heat's own validation, of parameters for one.
        self.patch('heat.engine.stack.Stack.validate', new=_validate)
        self.assertRaises(dispatcher.ExpectedException, self.patch_update,
                          size='large')
        self.assertEqual(before, self.rows(self.stack))

    def test_an_update_that_policy_forbids_leaves_every_row(self):
        before = self.rows(self.stack)
        with mock.patch.object(service.EngineService, '_get_stack',
                               side_effect=exception.Forbidden()):
            self.assertRaises(dispatcher.ExpectedException, self.update)
        self.assertEqual(before, self.rows(self.stack))

    def test_what_it_is_given_reaches_heat_as_it_was(self):
        files, params = {}, {}
        seen = []

        def fill_in(engine, cnxt, stack, template, params, *args):
            seen.append(dict(params))
            params['parameters'] = 'filled in'
            raise exception.StackValidationFailed(message='no')

        with mock.patch.object(service.EngineService,
                               '_prepare_stack_updates', new=fill_in):
            self.assertRaises(
                dispatcher.ExpectedException, self.engine.update_stack,
                self.ctx, dict(self.stack.identifier()),
                migrate_fixtures.template_of({'a': []}), params, files, {})
        self.assertEqual([{}, {}], seen)

    def test_what_cannot_be_converted_is_updated_as_legacy(self):
        self.set_values(models.Resource,
                        self.resources(self.stack)['a'].id, name='orphan',
                        physical_resource_id='physical')
        self.update()
        self.assertFalse(self.converted())
        self.assertEqual(['FAILED'], [event.resource_status for event
                                      in self.events(self.stack)])


def _validate(stack, *args, **kwargs):
    stack.parameters.validate(context=stack.context)
