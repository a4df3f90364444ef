# SPDX-License-Identifier: Apache-2.0

"""A conversion reads by indexes, and locks the rows of its own stacks only."""

import uuid

from oslo_db import exception as db_exception
from oslo_utils import timeutils
import sqlalchemy

from heat.db import api as db_api
from heat.db.migrate import by_key
from heat.db.migrate import chunks as migrate_chunks
from heat.db.migrate import events as migrate_events
from heat.db.migrate import state as migrate_state
from heat.db.migrate import tree as migrate_tree
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import convergence_migrate_batch
from heat.tests.functional.faults import case as fault_case
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import synchronous
from tools import written_trees

OTHERS = 3000
TOGETHER = 50  # the roots of a batch

#: The primary keys of the tables whose rows belong to a stack.
_KEYS = [model.__table__.c.id for model in (
    models.Stack, models.Resource, models.ResourceData, models.RawTemplate,
    models.RawTemplateFiles, models.Snapshot)]


def _node(**nested):
    return written_trees.Node(
        {name: {'type': 'OS::Heat::None'} for name in nested or 'a'}, nested)


class _WrittenTestCase(synchronous.EngineTestCase):
    """Stacks on MariaDB, written as rows: the schema has no others."""

    backend = databases.MYSQL

    def setUp(self):
        super().setUp()
        self.empty_database()
        with self.database.engine.begin() as connection:
            creds_id = connection.execute(
                models.UserCreds.__table__.insert().values(username='owner')
            ).inserted_primary_key[0]
        self.write = written_trees.Writer(self.database.engine,
                                          creds_id).write


class ReadTest(_WrittenTestCase):
    """A few trees are read by indexes, however many other stacks there are.

    Most of them are root stacks. For the index on owner_id these are one
    value, and databases guess from that how many rows a stack owns.
    """

    def setUp(self):
        super().setUp()
        others = [_node() for _ in range(OTHERS)]
        self.tree = _node(**{'r%d' % number: _node() for number in range(10)})
        self.roots = [root.id for root in others[:TOGETHER]] + [self.tree.id]
        self.write(others + [self.tree])

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


class ByKeyTest(_WrittenTestCase):
    """A statement on all rows but one does not wait for that one."""

    table = models.RawTemplateFiles.__table__

    def setUp(self):
        super().setUp()
        self.ids = range(1, migrate_chunks.ROWS + 2)
        with self.database.engine.begin() as connection:
            connection.execute(self.table.insert(), [
                {'id': key, 'files': {}} for key in self.ids])
        self.other = self.database.engine.connect()
        self.addCleanup(self.other.close)
        self.other.execute(by_key.select_for_update(self.table).where(
            self.table.c.id == self.ids[-1])).one()

    def rows(self, statement, ids):
        """Execute a statement and roll it back; return its number of rows."""
        with self.database.engine.connect() as connection:
            connection.exec_driver_sql('SET innodb_lock_wait_timeout = 1')
            return connection.execute(statement.where(
                self.table.c.id.in_(ids))).rowcount

    def each(self):
        yield by_key.delete(self.table)
        yield by_key.update(self.table).values(files={'a': 'b'})
        yield by_key.select_for_update(self.table)

    def test_all_but_one(self):
        for statement in self.each():
            ids = self.ids[:-1]
            self.assertEqual(len(ids), self.rows(statement, ids))

    def test_the_one(self):
        for statement in self.each():
            self.assertRaises(db_exception.DBDeadlock, self.rows,
                              statement, self.ids[-1:])


class WriteTest(_WrittenTestCase):
    """A conversion does not wait for transactions on other stacks.

    The tables are small. MariaDB would go through them, not use an index.
    """

    def setUp(self):
        super().setUp()
        self.write_with_leftovers(_node(r=_node()))
        others = self.row_keys()
        self.roots = [_node() for _ in range(convergence_migrate_batch.STACKS)]
        self.tree = _node(**{'r%d' % number: _node() for number in range(5)})
        self.write(self.roots)
        self.write_with_leftovers(self.tree)
        self.lock(others)
        sqlalchemy.event.listen(
            db_api.get_engine(), 'begin', lambda connection:
            connection.exec_driver_sql('SET innodb_lock_wait_timeout = 1'))
        sqlalchemy.event.listen(
            db_api.get_engine(), 'before_cursor_execute', self.check)

    def check(self, _connection, _cursor, statement, *_args):
        """Some changes are too few here to let MariaDB read other rows."""
        if statement.startswith(('UPDATE', 'DELETE')) and ' IN (' in statement:
            self.assertIn('FORCE INDEX (PRIMARY)', statement)

    def write_with_leftovers(self, node):
        """Write a tree, with rows that its conversion deletes or changes."""
        self.write([node])
        with self.database.engine.begin() as connection:
            connection.execute(sqlalchemy.insert(models.Snapshot), [
                {'id': str(uuid.uuid4()), 'stack_id': node.id,
                 'tenant': written_trees.TENANT, 'status': status}
                for status in ('COMPLETE', 'IN_PROGRESS')])
        fault_case.add_leftovers(self.database, node.id, backup=True)

    def row_keys(self):
        """The conditions that select each row of the stacks there are."""
        with self.database.engine.connect() as connection:
            return [key == value for key in _KEYS
                    for value in connection.scalars(sqlalchemy.select(key))]

    def lock(self, keys):
        """Lock rows, as a transaction of another process does."""
        connection = self.database.engine.connect()
        self.addCleanup(connection.close)
        for key in keys:
            connection.execute(
                sqlalchemy.select(key.left).where(key).with_for_update()).one()
            if key.left.table is models.Stack.__table__:
                connection.execute(sqlalchemy.insert(models.StackLock).values(
                    stack_id=key.right.value, engine_id='another'))

    def assertConverted(self, *nodes):
        ids = {each.id for node in nodes for each in node.walk()}
        self.assertEqual(ids, {
            row['id'] for row in self.database.rows(
                models.Stack, convergence=True, deleted_at=None)})

    def test_a_batch(self):
        convergence_migrate_batch.convert(
            self.ctx, [root.id for root in self.roots])
        self.assertConverted(*self.roots)

    def test_a_tree_with_rows_to_delete(self):
        convergence_migrate.convert(self.ctx, self.tree.id)
        self.assertConverted(self.tree)

    def test_which_stacks_are_converted(self):
        ids = [root.id for root in self.roots]
        self.assertEqual({}, migrate_events.written_since(
            self.ctx, 'MIGRATE', '%', ids, timeutils.utcnow()))

    def test_back_to_legacy(self):
        convergence_migrate.convert(self.ctx, self.tree.id)
        convergence_migrate.revert(self.ctx, self.tree.id)
        self.assertConverted()

    def test_values_that_are_missing(self):
        convergence_migrate.convert(self.ctx, self.tree.id)
        ids = [node.id for node in self.tree.walk()]
        with self.database.engine.begin() as connection:
            for model, of, column in (
                    (models.Stack, 'id', 'current_deps'),
                    (models.Resource, 'stack_id', 'current_template_id')):
                for stack_id in ids:
                    connection.execute(sqlalchemy.update(model).where(
                        getattr(model, of) == stack_id).values(
                            {column: sqlalchemy.null()}))
        plan = convergence_migrate.repair(self.ctx, self.tree.id)
        self.assertEqual(len(ids), len(plan.fills))
