# SPDX-License-Identifier: Apache-2.0

"""Ids, names and texts reach the database as bound parameters only."""

from heat.db.migrate import counts as migrate_counts
from heat.db.migrate import roots as migrate_roots
from heat.db import models
from heat.engine import convergence_migrate
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import statements
from heat.tests.migrate import test_convergence_migrate

EVIL = "o'; DROP TABLE stack; --"


class BoundParametersTest(test_convergence_migrate.MigrateTestCase):

    def setUp(self):
        super().setUp()
        self.stack = self.legacy(migrate_fixtures.TEMPLATES['diamond'])
        self.legacy({'c': []}, name='child', owner_id=self.stack.id)
        self.set_values(models.Stack, self.stack.id, name='name-of-it',
                        tenant=EVIL, username=EVIL)
        self.values = (self.stack.id, EVIL, 'name-of-it',
                       'GenericResourceType')

    def assertBound(self, value, function, *args):
        with statements.Statements() as sent:
            function(self.ctx, *args)
        self.assertIn(value, repr(sent.parameters))
        for statement in sent.texts:
            for text in self.values:
                self.assertNotIn(text, statement)
        return sent.texts

    def test_of_a_conversion_its_check_its_repair_and_the_way_back(self):
        for function in (convergence_migrate.convert,
                         convergence_migrate.verify,
                         convergence_migrate.revert):
            self.assertBound(self.stack.id, function, self.stack.id)

    def test_of_an_id_that_is_no_id(self):
        self.assertBound(EVIL, self.refused, EVIL)

    def refused(self, context, stack_id):
        self.assertRaises(
            convergence_migrate.migrate_exception.StackNotFound,
            convergence_migrate.convert, context, stack_id)

    def test_of_a_project(self):
        for function in (migrate_counts.tally, self.count):
            self.assertBound('DROP TABLE', function, EVIL)

    def count(self, context, project):
        self.assertEqual(1, migrate_roots.count_roots(context,
                                                      project=project))

    def test_the_texts_in_the_update_of_resources_are_lists_of_numbers(self):
        sent = self.assertBound(
            self.stack.id, convergence_migrate.convert, self.stack.id)
        update, = [statement for statement in sent
                   if statement.startswith('UPDATE resource')]
        texts = update.split("'")[1::2]
        self.assertTrue(texts)
        for text in texts:
            self.assertRegex(text, r'^\[(\d+(, \d+)*)?\]$')
