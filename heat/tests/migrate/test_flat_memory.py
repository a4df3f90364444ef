# SPDX-License-Identifier: Apache-2.0

"""Converting trees of many sizes does not increase the memory."""

import dataclasses
import gc
import uuid

import psutil
import sqlalchemy

from heat.db import api as db_api
from heat.db.migrate import write as migrate_write
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import fill as migrate_fill
from heat.tests.migrate import statements
from heat.tests.migrate import test_convergence_migrate

_SIZES = 200

#: Bytes. If the statements were cached, they would take some hundred million.
_GROWTH = 50 * 10 ** 6


class FlatMemoryTest(test_convergence_migrate.MigrateTestCase):

    def setUp(self):
        super().setUp()
        root = self.legacy({'a': []}, name='root')
        self.nest(self.legacy({'a': [], 'b': ['a']}, name='nested',
                              owner_id=root.id))
        self.plan = convergence_migrate.plan(self.ctx, root.id)
        self.fills = [self.fill(stack) for stack in self.plan.stacks]
        # Nothing is committed, so each size finds the tree unchanged.
        self.patchobject(migrate_write, '_unlock',
                         side_effect=ZeroDivisionError)

    def nest(self, stack):
        """Copy the rows of a nested stack, so that there are enough."""
        with db_api.context_manager.writer.using(self.ctx) as session:
            stacks = self.copies(session, models.Stack.id == stack.id)
            resources = [
                dict(row, stack_id=copy['id']) for copy in stacks
                for row in self.copies(session, models.Resource.stack_id ==
                                       stack.id, count=1)]
            session.execute(sqlalchemy.insert(models.Stack.__table__), stacks)
            session.execute(sqlalchemy.insert(models.Resource.__table__),
                            resources)

    @staticmethod
    def copies(session, condition, count=_SIZES):
        rows = session.execute(sqlalchemy.select(
            condition.left.table).where(condition)).mappings().all()
        copies = [dict(row) for row in rows for _ in range(count)]
        for copy in copies:
            if condition.left.table is models.Stack.__table__:
                copy['id'] = str(uuid.uuid4())
            else:
                del copy['id']
                copy['uuid'] = str(uuid.uuid4())
        return copies

    @staticmethod
    def fill(stack):
        return migrate_fill.StackFill(
            stack.id, stack.name, stack.current_traversal,
            stack.current_deps, tuple(
                migrate_fill.ResourceFill(row.id, row.name, row.requires,
                                          stack.current_template_id)
                for row in stack.resources), 0, ())

    def write(self, size):
        """Convert a number of stacks, and repair the rows of the others."""
        self.assertRaises(
            ZeroDivisionError, convergence_migrate.apply, self.ctx,
            dataclasses.replace(self.plan, stacks=self.plan.stacks[:size],
                                fills=tuple(self.fills[size:])))

    def memory(self):
        gc.collect()
        return psutil.Process().memory_info().rss

    def test_two_hundred_sizes(self):
        # No collection by chance meanwhile.
        self.useFixture(statements.Statements())
        for size in (1, _SIZES // 2, _SIZES):
            self.write(size)
        cache = db_api.get_engine()._compiled_cache
        before, kept = self.memory(), len(cache)
        for size in range(1, _SIZES + 1):
            self.write(size)
        self.assertLess(self.memory() - before, _GROWTH)
        self.assertEqual(kept, len(cache))
