# SPDX-License-Identifier: Apache-2.0

"""Failed stacks on MariaDB and PostgreSQL."""

import copy

from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import resource
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import inprocess
from heat.tests.functional.harness.plugins import things
from heat.tests.functional.harness import processes
from heat.tests.functional.harness import trees
from heat.tests.functional.lockstep import chains


class _Failed:

    def setUp(self):
        super().setUp()
        for name, plugin in things.resource_mapping().items():
            resource._register_class(name, plugin)
        self.ledger = things.renew()

    def update(self, stack, template):
        self.heat.update_stack(self.ctx, stack, copy.deepcopy(template), {},
                               {}, {'disable_rollback': True})

    def test_a_stack_with_a_backup_stack_converts_and_lives_on(self):
        stack = self.create(chains.OLD)
        self.ledger.failing = {('b', 'update')}
        self.update(stack, chains.REPLACING)
        self.wait_for(stack, 'FAILED')
        self.ledger.failing = set()
        plan = convergence_migrate.convert(self.ctx, stack['stack_id'],
                                           failed=True)
        self.assertEqual(1, len(plan.failed[0].moved))
        rows = trees.read(self.database, stack['stack_id']).resources
        self.assertEqual(4, len(rows))
        self.update(stack, chains.REPLACING)
        self.assertEqual('UPDATE', self.wait_for(stack)['action'])
        self.assertEqual([('a',), ('b',), ('c',)],
                         [path for path, *_ in self.ledger.living()])
        self.heat.delete_stack(self.ctx, stack)
        processes.wait_until(
            lambda: self.row(stack)['deleted_at'], 'deleted stack')
        self.assertEqual({}, self.ledger.things)
        self.assertEqual([], self.database.rows(models.SyncPoint))


class MySQLTest(_Failed, inprocess.EngineTestCase):
    backend = databases.MYSQL


class PostgreSQLTest(_Failed, inprocess.EngineTestCase):
    backend = databases.POSTGRESQL
