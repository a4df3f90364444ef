# SPDX-License-Identifier: Apache-2.0

"""A database fails at every statement of a conversion: all or nothing."""

from heat.tests.functional.faults import case as fault_case
from heat.tests.functional.faults import errors as fault_errors
from heat.tests.functional.faults import process as fault_process
from heat.tests.functional.faults import table as fault_table
from heat.tests.functional.harness import databases

# heat-manage first checks the schema. It does not retry that, and no service
# of Heat's does.
_CHECKS = ('alembic_version', 'pg_catalog', 'DESCRIBE', 'PRAGMA')

# In the middle of the writing transaction.
_LATE = 'before UPDATE resource'


class _Faults:
    """Tests for every database; a subclass adds the database."""

    @property
    def faults(self):
        return fault_errors.FAULTS[self.backend]

    def test_command_with_each_fault_at_every_statement(self):
        self.inject_everywhere(fault_table.COMMAND)

    def test_update_with_each_fault_at_every_statement(self):
        self.inject_everywhere(fault_table.UPDATE)

    def inject_everywhere(self, what):
        moments = self.convert_once(what).moments
        self.check_table(what, {name: [
            self._inject(what, name, number, moments[number])
            for number in _moments(moments, name)] for name in self.faults})

    def _inject(self, what, name, number, moment):
        """Convert with a fault; returns the state of the tree."""
        ended = self.runner.run(what, number, name)
        about = '%s %s: %s' % (name, moment, ended.output)
        self.assertNotIn('Traceback', ended.output, about)
        rows = self.rows.read()
        state = self.state(rows)
        retried = self.faults[name].retried and not any(
            check in moment for check in _CHECKS)
        self.assertEqual(fault_table.CONVERTED if retried
                         else fault_table.LEGACY, state, about)
        # An update runs after any end of the conversion.
        refused = what == fault_table.COMMAND and not retried
        self.assertEqual(2 if refused else 0, ended.exitcode, about)
        self.restore(rows)
        return state

    def test_fault_that_stays_is_not_tried_for_ever(self):
        retried = [name for name, fault in self.faults.items()
                   if fault.retried and name != fault_errors.NO_ANSWER]
        moments = self.convert_once(fault_table.COMMAND).moments
        for name in retried:
            ended = self.runner.run(
                fault_table.COMMAND, moments.index(_LATE), name, always=True)
            self.assertEqual(2, ended.exitcode, ended.output)
            # A fault that the statement does not cause may pass: see _manner
            # in heat.db.migrate.retry.
            may_end = name in (fault_errors.DEADLOCK, fault_errors.GALERA,
                               fault_errors.GALERA_NODE)
            tries = 1 + fault_process.RETRIES if may_end else 2
            self.assertEqual(tries, ended.moments.count(_LATE), name)
            self.assertEqual(fault_table.LEGACY,
                             self.state(self.rows.read()))


def _moments(moments, fault=None):
    """The numbers of the moments at which this fault is possible."""
    if fault == fault_errors.NO_ANSWER:
        return [number for number, moment in enumerate(moments)
                if moment == 'after COMMIT']
    return [number for number, moment in enumerate(moments)
            if moment.startswith('before')]


class SQLiteFaultsTest(_Faults, fault_case.FaultTestCase):
    backend = databases.SQLITE


class MySQLFaultsTest(_Faults, fault_case.FaultTestCase):
    backend = databases.MYSQL

    def test_batch_with_each_fault_at_every_statement(self):
        """A stack that fails in a batch succeeds alone, without the fault."""
        moments = self.convert_once(fault_table.BATCH).moments
        first = moments.index('before INSERT stack_lock')
        for name in self.faults:
            for number in _moments(moments, name):
                if number < first:
                    continue
                ended = self.runner.run(fault_table.BATCH, number, name)
                about = '%s %s: %s' % (name, moments[number], ended.output)
                rows = self.rows.read()
                self.assertEqual(0, ended.exitcode, about)
                self.assertEqual(fault_table.CONVERTED, self.state(rows),
                                 about)
                self.restore(rows)


class PostgreSQLFaultsTest(_Faults, fault_case.FaultTestCase):
    backend = databases.POSTGRESQL


class MySQLAloneFaultsTest(_Faults, fault_case.AloneTestCase):
    backend = databases.MYSQL


class PostgreSQLAloneFaultsTest(_Faults, fault_case.AloneTestCase):
    backend = databases.POSTGRESQL


class MySQLFailedFaultsTest(_Faults, fault_case.FailedTestCase):
    backend = databases.MYSQL


class PostgreSQLFailedFaultsTest(_Faults, fault_case.FailedTestCase):
    backend = databases.POSTGRESQL
