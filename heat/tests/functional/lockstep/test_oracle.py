# SPDX-License-Identifier: Apache-2.0

"""A converted stack has the rows of one created under convergence."""

from heat.tests.functional.harness import databases
from heat.tests.functional.harness import inprocess
from heat.tests.functional.harness import trees
from heat.tests.functional.lockstep import oracle
from heat.tests.functional.lockstep import oracle_templates


class _Oracle:
    """The test, for each template; a subclass adds the database."""

    scenarios = [(name, {'args': args})
                 for name, args in oracle_templates.ALL.items()]

    def test_rows_equal_those_of_a_convergence_create(self):
        native = self.create(convergence=True, **self.args)
        converted = self.create(convergence=False, **self.args)
        self.assertFalse(self.convert(converted).nothing_to_do)
        expected, found = (oracle.comparable(self.database,
                                             identity['stack_id'])
                           for identity in (native, converted))
        for path, values in expected.items():
            self.assertEqual(values, found.pop(path), path)
        self.assertEqual({}, found)
        tree = trees.read(self.database, converted['stack_id'])
        self.assertEqual(oracle.inverse(tree), oracle.needed_by(tree))


class SQLiteOracleTest(_Oracle, inprocess.EngineTestCase):
    backend = databases.SQLITE


class MySQLOracleTest(_Oracle, inprocess.EngineTestCase):
    backend = databases.MYSQL


class PostgreSQLOracleTest(_Oracle, inprocess.EngineTestCase):
    backend = databases.POSTGRESQL
