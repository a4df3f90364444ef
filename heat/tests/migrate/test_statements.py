# SPDX-License-Identifier: Apache-2.0

"""The number of statements that a conversion takes."""

import fixtures

from heat.db.migrate import write as migrate_write
from heat.engine import convergence_migrate
from heat.tests.migrate import statements
from heat.tests.migrate import test_convergence_migrate
from heat.tests import utils


def _chain(length):
    names = ['r%d' % number for number in range(length)]
    return {name: names[:number][-1:] for number, name in enumerate(names)}


class StatementsTest(test_convergence_migrate.MigrateTestCase):

    def stack(self, length, **kwargs):
        return self.legacy(_chain(length), name=utils.random_name(), **kwargs)

    def convert(self, stack):
        with statements.Statements() as sent:
            convergence_migrate.convert(self.ctx, stack.id,
                                        stored_credentials=False)
        self.assertTrue(self.row(stack).convergence)
        return sent.texts

    def test_they_do_not_grow_with_resources(self):
        self.assertEqual(len(self.convert(self.stack(2))),
                         len(self.convert(self.stack(20))))

    def test_they_do_not_grow_with_nested_stacks(self):
        lone, root = self.stack(2), self.stack(2)
        for _ in range(5):
            self.stack(2, owner_id=root.id)
        self.assertEqual(len(self.convert(lone)), len(self.convert(root)))

    def test_they_grow_with_chunks_of_resources(self):
        stacks = [self.stack(10) for _ in range(2)]
        at_once = self.convert(stacks[0])
        self.useFixture(fixtures.MockPatchObject(
            migrate_write, 'RESOURCE_CHUNK', 4))
        self.assertEqual(len(at_once) + 2, len(self.convert(stacks[1])))

    def test_chunks_write_every_resource(self):
        stack = self.stack(10)
        self.useFixture(fixtures.MockPatchObject(
            migrate_write, 'RESOURCE_CHUNK', 4))
        self.convert(stack)
        rows = self.resources(stack)
        self.assertEqual(
            {name: [rows[required].id for required in names]
             for name, names in _chain(10).items()},
            {name: row.requires for name, row in rows.items()})

    def test_there_are_few(self):
        self.assertLessEqual(len(self.convert(self.stack(2))), 15)
