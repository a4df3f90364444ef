# SPDX-License-Identifier: Apache-2.0

"""A graph that is too large for one statement of the database server."""

import json

from heat.common.migrate import exception as migrate_exception
from heat.db.migrate import packet as migrate_packet
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import convergence_migrate_batch
from heat.engine.migrate import graph_size
from heat.engine import stack as parser
from heat.tests.migrate import test_convergence_migrate

_COUNT = 20


def _full(count):
    """Each resource depends on all before it."""
    names = ['r%d' % number for number in range(count)]
    return {name: names[:number] for number, name in enumerate(names)}


class GraphSizeTest(test_convergence_migrate.MigrateTestCase):

    def setUp(self):
        super().setUp()
        self.root = self.legacy({'a': []}, name='root')
        self.nested = self.legacy(_full(_COUNT), name='nested',
                                  owner_id=self.root.id)
        # All ids have as many digits as the longest one.
        self.execute(models.Resource.__table__.update().values(
            id=models.Resource.id + 1000))
        self.patchobject(graph_size, 'ASK_FROM', new=0)
        self.limit = self.patchobject(migrate_packet, 'get_limit')
        _root, planned = self.plan_with(None).stacks
        self.size = graph_size.of_next_update(planned)

    def plan_with(self, limit):
        self.limit.return_value = limit
        return convergence_migrate.plan(self.ctx, self.root.id)

    def assertTooLarge(self, function, limit):
        self.limit.return_value = limit
        return self.refused(self.root, migrate_exception.GraphTooLarge,
                            function)

    def test_it_is_the_size_that_heat_stores_with_an_update(self):
        convergence_migrate.convert(self.ctx, self.root.id)
        stack = parser.Stack.load(self.ctx, self.nested.id)
        rows = {row.id: row for row in self.resources(self.nested).values()}
        stack._compute_convg_dependencies(
            rows, stack.dependencies, self.resources(self.nested))
        stored = len(json.dumps(
            {'edges': [[first[:2], second and second[:2]]
                       for first, second
                       in stack._convg_deps.graph().edges()]}))
        self.assertLess(stored, self.size)
        self.assertLess(self.size, 1.1 * stored)

    def test_a_dry_run_and_a_conversion_refuse_it(self):
        for function in (convergence_migrate.plan,
                         convergence_migrate.convert):
            refused = self.assertTooLarge(function, self.size)
            self.assertIn('nested (%s)' % self.nested.id, str(refused))

    def test_a_larger_limit_is_enough(self):
        refused = self.assertTooLarge(convergence_migrate.plan, 1000)
        self.limit.return_value = refused.kwargs['enough']
        convergence_migrate.convert(self.ctx, self.root.id)
        self.assertTrue(self.row(self.nested).convergence)

    def test_what_is_not_much_larger_is_not_enough(self):
        self.assertTooLarge(convergence_migrate.plan,
                            self.size + graph_size._REST - 1)
        self.plan_with(self.size + graph_size._REST)

    def test_a_server_without_a_limit(self):
        self.assertFalse(self.plan_with(None).nothing_to_do)

    def test_most_stacks_cost_no_question(self):
        self.patchobject(graph_size, 'ASK_FROM', new=self.size)
        self.limit.reset_mock()
        convergence_migrate.convert(self.ctx, self.root.id)
        self.limit.assert_not_called()

    def test_no_batch_has_a_large_one(self):
        root = self.legacy(_full(_COUNT), name='alone')
        self.assertEqual({}, convergence_migrate_batch.plan(
            self.ctx, [root.id]))
        self.patchobject(graph_size, 'ASK_FROM', new=2 * self.size)
        self.assertIn(root.id, convergence_migrate_batch.plan(
            self.ctx, [root.id]))

    def test_the_way_back_stores_no_graph(self):
        convergence_migrate.convert(self.ctx, self.root.id)
        self.limit.return_value = 1
        convergence_migrate.revert(self.ctx, self.root.id)

    def test_a_repair_refuses_it_too(self):
        convergence_migrate.convert(self.ctx, self.root.id)
        self.set_values(models.Stack, self.nested.id, current_deps=None)
        self.assertTooLarge(convergence_migrate.repair, 1000)
        self.limit.return_value = None
        convergence_migrate.repair(self.ctx, self.root.id)

    def test_a_fill_of_a_mixed_tree_too(self):
        convergence_migrate.convert(self.ctx, self.root.id)
        self.set_values(models.Stack, self.root.id, convergence=False)
        self.set_values(models.Stack, self.nested.id, current_deps=None)
        self.assertTooLarge(convergence_migrate.convert, 1000)
