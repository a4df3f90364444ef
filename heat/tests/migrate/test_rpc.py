# SPDX-License-Identifier: Apache-2.0

"""The RPC method of an engine that converts a stack."""

from oslo_config import cfg
from oslo_messaging.rpc import dispatcher

from heat.common import exception
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import stack_lock
from heat.tests.migrate import test_hook


class RpcTest(test_hook.HookTestCase):
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
