# SPDX-License-Identifier: Apache-2.0

"""What the hook adds to the statements of an update."""

from unittest import mock

import fixtures
from oslo_config import cfg
from oslo_db import exception as db_exception
import sqlalchemy

from heat.db import api as db_api
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import service
from heat.engine import stack_lock
from heat.objects import stack as stack_object
from heat.tests.migrate import statements
from heat.tests.migrate import test_hook


class ReadingTest(test_hook.HookTestCase):
    """What the hook reads before an update of a convergence stack."""

    def setUp(self):
        super().setUp()
        self.child = self.legacy({'b': []}, name='child',
                                 owner_id=self.stack.id)
        convergence_migrate.convert(self.ctx, self.stack.id)

    def hook(self):
        self.engine._convert_before_update(
            self.ctx, dict(self.stack.identifier()), (), {})

    def heat(self):
        return self.engine._get_stack(self.ctx, dict(
            self.stack.identifier()))

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


class CostTest(test_hook.HookTestCase):

    def _statements_of_an_update(self, flag, nested=False):
        stack = self.legacy({'a': []}, name='flag-%s' % flag)
        if nested:
            self.legacy({'b': []}, name='nested-%s' % flag, owner_id=stack.id)
        convergence_migrate.convert(self.ctx, stack.id)
        cfg.CONF.set_override('migrate_on_update', flag)
        with statements.Statements() as sent:
            self.update(stack)
        return sent.texts

    def test_a_convergence_stack_costs_no_statement_more(self):
        stock, flagged = (self._statements_of_an_update(flag)
                          for flag in (False, True))
        # The first one reads the stack.
        self.assertIn('has_nested', flagged[0])
        self.assertEqual(stock[1:], flagged[1:])

    def test_one_with_nested_stacks_costs_one_statement_more(self):
        stock, flagged = (self._statements_of_an_update(flag, nested=True)
                          for flag in (False, True))
        self.assertEqual(stock[1:], flagged[2:])

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
