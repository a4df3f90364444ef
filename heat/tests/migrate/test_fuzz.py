# SPDX-License-Identifier: Apache-2.0

"""Any row content gives a reason or a whole conversion."""

import itertools
import json
import string
from unittest import mock

import hypothesis
from hypothesis import strategies
import sqlalchemy
from testtools import content

from heat.cmd.migrate import acting
from heat.cmd.migrate import actions
from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db.migrate import roots as migrate_roots
from heat.db import models
from heat.engine import convergence_migrate
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import test_convergence_migrate

# Text in the place of a value; SQLite stores any type in any column.
DAMAGES = (None, 'no JSON', '[[[1]]]', '7',
           '{"resources": [], "parameters": 7}')

MODELS = (models.Stack, models.Resource, models.RawTemplate, models.UserCreds)

SETTINGS = hypothesis.settings(
    max_examples=30, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(hypothesis.HealthCheck))

JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() |
    strategies.floats() | strategies.text(max_size=5),
    lambda inner: strategies.lists(inner, max_size=3) |
    strategies.dictionaries(strategies.sampled_from(
        ('resources', 'type', 'properties', 'parameters', 'depends_on',
         'heat_template_version', 'get_param', 'conditions', 'a')),
        inner, max_size=3), max_leaves=8)


class FuzzTestCase(test_convergence_migrate.MigrateTestCase):

    def setUp(self):
        super().setUp()
        self.stack = self.legacy({'a': [], 'b': ['a']})
        self.legacy({'c': []}, name='child', owner_id=self.stack.id)
        self.engine = db_api.get_engine()
        # As SQL has them: no column type of Heat's reads or writes them.
        metadata = sqlalchemy.MetaData()
        metadata.reflect(self.engine)
        self.tables = metadata.sorted_tables
        self.before = self.read()

    def read(self):
        with self.engine.connect() as connection:
            return {table.name: list(map(tuple, connection.execute(
                sqlalchemy.text('SELECT * FROM %s' % table.name))))
                for table in self.tables}

    def restore(self):
        with self.engine.begin() as connection:
            for table in reversed(self.tables):
                connection.execute(table.delete())
            for table in self.tables:
                for row in self.before[table.name]:
                    connection.exec_driver_sql(
                        'INSERT INTO %s VALUES (%s)' % (
                            table.name, ', '.join('?' * len(row))), row)

    def damage(self, table, column, value):
        with self.engine.begin() as connection:
            connection.exec_driver_sql(
                'UPDATE %s SET %s = ?' % (table, column), (value,))

    def convert(self):
        """Convert, and check that all or nothing is written."""
        before = self.read()
        try:
            convergence_migrate.convert(self.ctx, self.stack.id)
        except migrate_exception.MigrationRefused as exc:
            self.assertEqual(before, self.read())
            self.assertTrue(exc.code and str(exc))
            return exc
        self.assertTrue(convergence_migrate.plan(
            self.ctx, self.stack.id).nothing_to_do)

    def act(self):
        """As heat-manage does, with an outcome for any error."""
        return acting.act(actions.CONVERT, migrate_roots.RootStack(
            self.stack.id, 'name', 'project', None))


class EveryColumnTest(FuzzTestCase):
    """Every column of every row that a conversion reads is damaged."""

    scenarios = [(model.__tablename__, {'model': model}) for model in MODELS]

    def columns(self):
        return [column.name for column in self.model.__table__.columns
                if column.nullable and not column.unique
                # No other database than SQLite stores text as a date.
                and not isinstance(column.type, sqlalchemy.DateTime)]

    def test_it_is_a_reason_or_no_matter(self):
        for column, value in itertools.product(self.columns(), DAMAGES):
            try:
                self.damage(self.model.__tablename__, column, value)
                self.convert()
            except Exception:
                self.addDetail('damage', content.text_content(
                    '%s = %r' % (column, value)))
                raise
            self.restore()


class JsonTest(FuzzTestCase):

    @SETTINGS
    @hypothesis.given(template=JSON, environment=JSON)
    def test_json_of_any_shape(self, template, environment):
        self.damage('raw_template', 'template', json.dumps(template))
        self.damage('raw_template', 'environment', json.dumps(environment))
        self.assertIsNotNone(self.convert() if template != {} else '')
        self.restore()

    @SETTINGS
    @hypothesis.given(text=strategies.text())
    def test_text_that_is_no_json(self, text):
        hypothesis.assume(text.strip(string.digits + ' \n\t\r'))
        self.damage('raw_template', 'template', text.encode(
            'utf-8', 'surrogatepass'))
        self.assertIsNotNone(self.convert())
        self.restore()

    def test_deep_json(self):
        self.damage('raw_template', 'template', '[' * 100000)
        self.assertEqual('invalid_template', self.convert().code)


class StackIdTest(FuzzTestCase):

    @SETTINGS
    @hypothesis.given(stack_id=strategies.text(
        alphabet=strategies.characters(codec='utf-8')))
    def test_any_text_is_not_found(self, stack_id):
        exc = self.assertRaises(migrate_exception.StackNotFound,
                                convergence_migrate.convert, self.ctx,
                                stack_id)
        self.assertEqual('not_found', exc.code)
        self.assertEqual(self.before, self.read())

    @SETTINGS
    @hypothesis.given(suffix=strategies.sampled_from(
        ("' OR '1'='1", '%', '_', '--', '";', "') UNION SELECT id")))
    def test_an_id_with_sql_in_it_is_not_found(self, suffix):
        self.assertRaises(migrate_exception.StackNotFound,
                          convergence_migrate.convert, self.ctx,
                          self.stack.id + suffix)
        self.assertEqual(self.before, self.read())


class OutcomeTest(FuzzTestCase):

    def test_a_bug_is_an_outcome_too(self):
        with mock.patch.object(migrate_fixtures.parser.Stack, 'load',
                               side_effect=RecursionError('deep')):
            self.assertEqual('refused', self.act().outcome)
        with mock.patch.object(convergence_migrate.migrate_planning, 'make',
                               side_effect=ZeroDivisionError('bug')):
            self.assertEqual(('failed', 'error'), self.act()[3:5])
