# SPDX-License-Identifier: Apache-2.0

"""The number of statements that a conversion takes."""

import re

import fixtures

from heat.db import api as db_api
from heat.db.migrate import chunks as migrate_chunks
from heat.db.migrate import tree as migrate_tree
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import convergence_migrate_read
from heat.tests.migrate import statements
from heat.tests.migrate import test_convergence_migrate
from heat.tests import utils


def _chain(length):
    names = ['r%d' % number for number in range(length)]
    return {name: names[:number][-1:] for number, name in enumerate(names)}


def _without_ids(texts):
    return [re.sub(r'\d+', 'N', text) for text in texts]


class StatementsTest(test_convergence_migrate.MigrateTestCase):

    def stack(self, length, **kwargs):
        return self.legacy(_chain(length), name=utils.random_name(), **kwargs)

    def convert(self, stack, **options):
        with statements.Statements() as sent:
            convergence_migrate.convert(self.ctx, stack.id,
                                        stored_credentials=False, **options)
        self.assertTrue(self.row(stack).convergence)
        return sent.texts

    def test_they_do_not_grow_with_resources(self):
        self.assertEqual(len(self.convert(self.stack(2))),
                         len(self.convert(self.stack(20))))

    def test_they_do_not_grow_with_nested_stacks(self):
        few, many = self.stack(2), self.stack(2)
        for root, count in ((few, 1), (many, 5)):
            for _ in range(count):
                self.stack(2, owner_id=root.id)
        self.assertEqual(len(self.convert(few)), len(self.convert(many)))

    def test_they_grow_with_chunks_of_resources(self):
        stacks = [self.stack(10) for _ in range(2)]
        at_once = self.convert(stacks[0])
        self.useFixture(fixtures.MockPatchObject(
            migrate_chunks, 'RESOURCES', 4))
        self.assertEqual(len(at_once) + 2, len(self.convert(stacks[1])))

    def test_chunks_write_every_resource(self):
        stack = self.stack(10)
        self.useFixture(fixtures.MockPatchObject(
            migrate_chunks, 'RESOURCES', 4))
        self.convert(stack)
        rows = self.resources(stack)
        self.assertEqual(
            {name: [rows[required].id for required in names]
             for name, names in _chain(10).items()},
            {name: row.requires for name, row in rows.items()})

    def test_chunks_read_every_stack(self):
        root = self.stack(2)
        for _ in range(5):
            self.stack(2, owner_id=root.id)
        at_once = migrate_tree.get(self.ctx, root.id)
        self.assertEqual((5, 12), at_once.size)
        self.useFixture(fixtures.MockPatchObject(migrate_chunks, 'ROWS', 2))
        self.assertEqual(at_once, migrate_tree.get(self.ctx, root.id))

    def test_they_are_the_same_without_the_modules_for_failed_stacks(self):
        with_them = self.convert(self.stack(2))
        for module, name in (
                (convergence_migrate, 'migrate_failed'),
                (convergence_migrate, 'migrate_failed_check'),
                (convergence_migrate_read, 'migrate_failed_check')):
            self.useFixture(fixtures.MockPatchObject(module, name, None))
        self.assertEqual(_without_ids(with_them),
                         _without_ids(self.convert(self.stack(2))))

    def test_a_complete_stack_costs_the_same_with_failed(self):
        plain = self.convert(self.stack(2))
        self.assertEqual(
            _without_ids(plain),
            _without_ids(self.convert(self.stack(2), failed=True)))

    def test_a_stack_alone_is_locked_and_read_once(self):
        self.assertEqual(
            ['INSERT', 'WITH', 'SELECT', 'SELECT', 'UPDATE', 'UPDATE',
             'INSERT', 'DELETE'],
            [text.split()[0] for text in self.convert(self.stack(2))])


class SizeTest(test_convergence_migrate.MigrateTestCase):
    """A server limits the bytes of a statement."""

    BYTES = 4000

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(migrate_chunks, 'BYTES',
                                                 self.BYTES))

    def tree(self, nested, length, name='root'):
        root = self.legacy(_chain(length), name=name)
        for number in range(nested):
            self.legacy(_chain(length), name='%s-%d' % (name, number),
                        owner_id=root.id)
        return root

    def convert(self, root):
        with statements.Statements() as sent:
            convergence_migrate.convert(self.ctx, root.id,
                                        stored_credentials=False)
        self.assertEqual({True}, {row['convergence'] for row in
                                  self.rows(root)['stack']})
        return sent

    def test_no_statement_is_larger_than_it_may_be(self):
        sent = self.convert(self.tree(nested=9, length=25))
        sizes = [len(text) + len(repr(parameters)) for text, parameters
                 in zip(sent.texts, sent.parameters)
                 if text.startswith('UPDATE')]
        # The names of columns and of bound parameters need room too.
        self.assertLess(max(sizes), 3 * self.BYTES)

    def test_one_row_that_is_larger_has_a_statement_of_its_own(self):
        root = self.tree(nested=3, length=20)
        self.useFixture(fixtures.MockPatchObject(migrate_chunks, 'BYTES', 99))
        sent = self.convert(root)
        self.assertEqual(4, sum(text.startswith('UPDATE stack')
                                for text in sent.texts))

    def test_chunks_write_the_graph_of_every_stack(self):
        root = self.tree(nested=9, length=25)
        self.convert(root)
        for row in self.rows(root)['stack']:
            self.assertEqual(24, len(row['current_deps']['edges']))


class CacheTest(test_convergence_migrate.MigrateTestCase):
    """SQLAlchemy keeps compiled statements for the time of the process."""

    def convert(self, nested):
        """Convert a tree, repair it and revert it.

        :returns: how many statements are kept
        """
        name = utils.random_name()
        root = self.legacy(_chain(2), name=name)
        for number in range(nested):
            self.legacy(_chain(1), name='%s-%d' % (name, number),
                        owner_id=root.id)
        convergence_migrate.convert(self.ctx, root.id)
        self.execute(models.Stack.__table__.update().values(
            current_deps=None))
        self.execute(models.Resource.__table__.update().values(
            requires=None, current_template_id=None))
        convergence_migrate.repair(self.ctx, root.id)
        convergence_migrate.revert(self.ctx, root.id)
        return len(db_api.get_engine()._compiled_cache)

    def test_no_statement_of_a_conversion_stays_in_it(self):
        # No collection by chance meanwhile.
        self.useFixture(statements.Statements())
        few = [self.convert(nested) for nested in (0, 1, 2)][-1]
        self.assertEqual({few}, {self.convert(nested) for nested in range(9)})
