# SPDX-License-Identifier: Apache-2.0

"""A conversion is killed at every statement, and nothing is lost."""

import signal

from oslo_config import cfg

from heat.tests.functional.faults import case as fault_case
from heat.tests.functional.faults import table as fault_table
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import processes

# The statements of the writing transaction; see heat.db.migrate.write. The
# tree of the test must need all of them.
WRITES = frozenset(
    '%s %s' % (when, what) for when in ('before', 'after') for what in (
        'INSERT stack_lock', 'UPDATE stack', 'UPDATE resource',
        'DELETE resource_data', 'DELETE resource', 'DELETE raw_template',
        'DELETE raw_template_files', 'INSERT event', 'DELETE stack_lock',
        'COMMIT'))

_AGAIN = 'converted by the next attempt'


class _Crash:
    """Tests for every database; a subclass adds the database."""

    writes = WRITES

    def test_command_killed_at_every_statement(self):
        self.kill_everywhere(fault_table.COMMAND)

    def test_update_killed_at_every_statement(self):
        self.kill_everywhere(fault_table.UPDATE)

    def kill_everywhere(self, what):
        moments = self.convert_once(what).moments
        self.assertEqual(set(), self.writes.difference(moments))
        states = []
        left = {}
        for number, moment in enumerate(moments):
            rows = self._kill(what, number, moment)
            states.append(self.state(rows))
            left[states[-1]] = rows
            # The next run begins with the rows that this one left. It is
            # killed one moment later, so it repeats all steps of this one.
            if states[-1] != fault_table.LEGACY or not number:
                left[_AGAIN] = self._convert_again(what, moment)
                self.restore(left[_AGAIN])
        self.check_table(what, {fault_table.KILLED: states})
        # Only rows outlive a process. An update finds the rows from before,
        # those of the killed process, or those of the next attempt.
        self.assertEqual(
            {fault_table.LEGACY, fault_table.CONVERTED, _AGAIN}, set(left))
        for rows in left.values():
            self._update(rows)

    def _kill(self, what, number, moment):
        ended = self.runner.run(what, number)
        self.assertEqual(-signal.SIGKILL, ended.exitcode, moment)
        return self.rows.read()

    def _convert_again(self, what, moment):
        again = self.runner.run(what)
        self.assertEqual(0, again.exitcode, moment + again.output)
        rows = self.rows.read()
        self.assertEqual(fault_table.CONVERTED, self.state(rows), moment)
        return rows

    def _update(self, rows):
        self.rows.write(rows)
        cfg.CONF.set_override('migrate_on_update', True)
        cfg.CONF.set_override('migrate_on_update_failed', self.failed)
        before = self.row(self.identity)['updated_at']
        self.heat.update_stack(self.ctx, self.identity, self.template,
                               {}, {}, {})
        processes.wait_until(
            lambda: self.row(self.identity)['updated_at'] != before, 'update')
        self.assertTrue(self.wait_for(self.identity)['convergence'])


class SQLiteCrashTest(_Crash, fault_case.FaultTestCase):
    backend = databases.SQLITE


class MySQLCrashTest(_Crash, fault_case.FaultTestCase):
    backend = databases.MYSQL

    def test_batch_killed_at_every_statement(self):
        self.kill_everywhere(fault_table.BATCH)


class PostgreSQLCrashTest(_Crash, fault_case.FaultTestCase):
    backend = databases.POSTGRESQL


class MySQLAloneCrashTest(_Crash, fault_case.AloneTestCase):
    backend = databases.MYSQL


class PostgreSQLAloneCrashTest(_Crash, fault_case.AloneTestCase):
    backend = databases.POSTGRESQL


class _Failed:
    """What a failed tree needs, because it has other leftovers."""

    writes = WRITES - {
        '%s DELETE %s' % (when, table) for when in ('before', 'after')
        for table in ('resource_data', 'resource', 'raw_template_files')
    } | {'before INSERT raw_template', 'after INSERT raw_template'}


class MySQLFailedCrashTest(_Failed, _Crash, fault_case.FailedTestCase):
    backend = databases.MYSQL


class PostgreSQLFailedCrashTest(_Failed, _Crash, fault_case.FailedTestCase):
    backend = databases.POSTGRESQL
