# SPDX-License-Identifier: Apache-2.0

"""A few trees are read by indexes, however many other stacks there are.

Most of them are root stacks. For the index on owner_id these are one value,
and databases guess from that how many rows a stack owns.
"""

import sqlalchemy

from heat.db import api as db_api
from heat.db.migrate import state as migrate_state
from heat.db.migrate import tree as migrate_tree
from heat.db import models
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import synchronous
from tools import written_trees

OTHERS = 3000
TOGETHER = 50  # the roots of a batch


def _node(**nested):
    return written_trees.Node(
        {name: {'type': 'OS::Heat::None'} for name in nested or 'a'}, nested)


class MySQLTest(synchronous.EngineTestCase):

    backend = databases.MYSQL

    def setUp(self):
        super().setUp()
        self.empty_database()
        with self.database.engine.begin() as connection:
            creds_id = connection.execute(
                models.UserCreds.__table__.insert().values(username='owner')
            ).inserted_primary_key[0]
        others = [_node() for _ in range(OTHERS)]
        self.tree = _node(**{'r%d' % number: _node() for number in range(10)})
        self.roots = [root.id for root in others[:TOGETHER]] + [self.tree.id]
        written_trees.Writer(self.database.engine, creds_id).write(
            others + [self.tree])

    def scanned(self, session):
        """How many rows the session has read without an index."""
        return int(session.execute(sqlalchemy.text(
            'SHOW SESSION STATUS LIKE \'Handler_read_rnd_next\'')).one()[1])

    def assertFewScanned(self, read):
        """Check that a reading goes through no table.

        :param read: called with a session
        :returns: what it returns
        """
        with db_api.context_manager.reader.using(self.ctx) as session:
            before = self.scanned(session)
            found = read(session)
            self.assertLess(self.scanned(session) - before, OTHERS)
        return found

    def test_roots_of_a_batch(self):
        trees, _locks = self.assertFewScanned(
            lambda session: migrate_tree.read_many(session, self.roots))
        self.assertEqual(set(self.roots), trees.keys())
        self.assertEqual((10, 20), trees[self.tree.id].size)

    def test_a_tree_with_its_graph(self):
        tree, _graph = self.assertFewScanned(
            lambda _session: migrate_tree.get_with_graph(self.ctx,
                                                         self.tree.id))
        self.assertEqual(11, len(tree.stacks))

    def test_the_state_of_a_stack_with_nested_ones(self):
        state = self.assertFewScanned(
            lambda _session: migrate_state.get(self.ctx, self.tree.id))
        self.assertEqual(11, state.legacy)

    def test_whether_an_update_must_convert_a_stack(self):
        _stack, state = self.assertFewScanned(
            lambda session: migrate_state.get_with(
                self.ctx, self.tree.id,
                lambda: session.get(models.Stack, self.tree.id)))
        self.assertEqual(1, state.legacy)
