# SPDX-License-Identifier: Apache-2.0

"""Faults that real databases make, while a tree is converted."""

import contextlib
import threading
import time

import fixtures
from oslo_config import cfg
from oslo_db.sqlalchemy import enginefacade
from oslo_utils import timeutils
import sqlalchemy
from sqlalchemy import event
from sqlalchemy import exc

from heat.common.migrate import deadline as migrate_deadline
from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db.migrate import events as migrate_events
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import timed_planning
from heat.tests.functional.faults import case as fault_case
from heat.tests.functional.faults import errors as fault_errors
from heat.tests.functional.faults import points as fault_points
from heat.tests.functional.faults import table as fault_table
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import processes

# The errors of Heat's transactions when the database refuses them.
ERRORS = (exc.SQLAlchemyError, db_api.db_exception.DBError)

_RETRIES = 2

# For SQLite, whose pages have 4,096 bytes. Too many do no harm.
_EVENTS_A_PAGE = 20


class RealFaultTestCase(fault_case.FaultTestCase):

    def setUp(self):
        super().setUp()
        cfg.CONF.set_override('db_max_retries', _RETRIES, 'database')
        cfg.CONF.set_override('db_retry_interval', 0, 'database')
        self.convert(self.identity)
        self.converted = self.rows.read()
        self.restore()

    @contextlib.contextmanager
    def connected(self, **query):
        """Have Heat use connections with such parameters.

        :returns: the engine with those.
        """
        url = sqlalchemy.engine.make_url(
            self.database.url).update_query_dict(query)
        manager = enginefacade.transaction_context()
        manager.configure(connection=url.render_as_string(False),
                          sqlite_synchronous=False)
        restore = db_api.context_manager.patch_factory(manager)
        engine = manager.writer.get_engine()
        try:
            yield engine
        finally:
            restore()
            engine.dispose()

    def assertRefused(self, fault):
        """Check that the conversion fails, and changes nothing."""
        self.assertRaises(ERRORS, self.convert, self.identity)
        self.assertLegacy(fault)

    def assertLegacy(self, fault):
        state = self.state(self.rows.read())
        self.check_table(fault_table.REAL, {fault: [state]})
        self.assertEqual(fault_table.LEGACY, state)

    def assertConverts(self):
        self.assertFalse(self.convert(self.identity).nothing_to_do)
        self.assertConverted(self.rows.read())

    @contextlib.contextmanager
    def locked_stack(self):
        """Another session locks the row of the root stack."""
        with self.database.engine.begin() as other:
            _lock(other, models.Stack, self.identity['stack_id'])
            yield


def _lock(connection, model, row_id):
    connection.execute(sqlalchemy.select(model.id).where(
        model.id == row_id).with_for_update())


class _ServerFaults:
    """What has to hold on both servers.

    A subclass makes a session read-only, shortens its lock timeout, and makes
    it the victim of a deadlock.
    """

    def test_read_only_replica(self):
        with self.connected(**self.read_only):
            self.assertRefused(fault_errors.READ_ONLY)
        self.assertConverts()

    def test_lock_that_is_not_given_back_in_time(self):
        with self.connected(**self.impatient), self.locked_stack():
            self.assertRefused(fault_errors.LOCK_TIMEOUT)
        self.assertConverts()

    def test_lock_that_is_held_past_the_deadline_of_an_update(self):
        before = self._limits()
        context = timed_planning.TimedContext.copy(
            self.ctx, migrate_deadline.Deadline(2), 'the stack')
        begun = time.monotonic()
        with self.locked_stack():
            self.assertRaises(
                migrate_exception.OutOfTime, convergence_migrate.convert,
                context, self.identity['stack_id'], stored_credentials=False)
            # The update does not wait for the event with the reason either.
            self.assertRaises(migrate_exception.OutOfTime, self._add_event)
        # By default both servers wait 50 seconds or longer.
        self.assertLess(time.monotonic() - begun, 30)
        self.assertEqual(fault_table.LEGACY, self.state(self.rows.read()))
        self.assertEqual(before, self._limits())
        self.assertConverts()

    def test_event_of_an_update_comes_when_the_stack_is_free(self):
        cfg.CONF.set_override('migrate_on_update', True)
        cfg.CONF.set_override('migrate_on_update_timeout', 1)
        locked = contextlib.ExitStack()
        locked.enter_context(self.locked_stack())

        def validate(*_args, **_kwargs):
            # Heat's update begins; it is about to write the row itself.
            locked.close()

        with fixtures.MockPatchObject(migrate_events, 'WAIT', 1), \
                fixtures.MockPatch('heat.engine.stack.Stack.validate',
                                   validate):
            self.heat.update_stack(self.ctx, self.identity, None, {}, {},
                                   {'existing': True})
        self.wait_for(self.identity)
        self.assertFalse(self.row(self.identity)['convergence'])
        event, = self._events()
        self.assertIn('migrate_on_update_timeout',
                      event['_resource_status_reason'])

    def _events(self):
        return self.database.rows(models.Event, resource_action='MIGRATE',
                                  stack_id=self.identity['stack_id'])

    def _add_event(self):
        with fixtures.MockPatchObject(migrate_events, 'WAIT', 1):
            migrate_events.add(
                self.ctx, {'stack_id': self.identity['stack_id']}, False)

    def test_lock_that_is_held_when_a_worker_is_ended(self):
        begun = time.monotonic()
        with self.locked_stack(), fixtures.MockPatchObject(
                migrate_events, 'WAIT', 1):
            self.assertRaises(
                migrate_exception.OutOfTime, migrate_events.written_since,
                self.ctx, 'MIGRATE', '%', [self.identity['stack_id']],
                timeutils.utcnow())
        self.assertLess(time.monotonic() - begun, 30)
        self.assertEqual({}, migrate_events.written_since(
            self.ctx, 'MIGRATE', '%', [self.identity['stack_id']],
            timeutils.utcnow()))

    def _limits(self):
        """The limits of the connections of the pool."""
        with db_api.get_engine().connect() as connection:
            return [tuple(row) for row in connection.execute(
                sqlalchemy.text(self.show_limits))]

    def test_deadlock_is_retried(self):
        with self.connected(**self.victim) as engine:
            self._deadlock(engine)
            self.assertConverts()
        self.check_table(fault_table.REAL, {fault_errors.DEADLOCK:
                                            [self.state(self.rows.read())]})
        self.assertEqual(1, self.deadlocks)

    def _deadlock(self, engine):
        """Have the first conversion over an engine end in a deadlock.

        Another session locks a resource, and then the stack that the
        conversion has locked already.
        """
        other = self.database.engine.connect()
        self.addCleanup(other.close)
        number = other.scalar(sqlalchemy.text(self.session_number))
        self.weigh_down(other)
        _lock(other, models.Resource, self.legacy['resource'][0]['id'])
        waiting = threading.Thread(target=self._want_stack, args=(other,))
        self.addCleanup(waiting.join)
        self.deadlocks = 0

        def before_each(_cursor, statement, _parameters, _context):
            if (not self.deadlocks and
                    fault_points.words(statement) == 'UPDATE resource'):
                self.deadlocks += 1
                waiting.start()
                processes.wait_until(lambda: self._waits(number), 'wait')

        event.listen(engine, 'do_execute', before_each)

    def _want_stack(self, other):
        _lock(other, models.Stack, self.identity['stack_id'])
        other.rollback()

    def _waits(self, number):
        with self.database.engine.connect() as connection:
            return connection.scalar(sqlalchemy.text(self.session_waits),
                                     {'number': number})


class MySQLRealFaultsTest(_ServerFaults, RealFaultTestCase):
    backend = databases.MYSQL
    read_only = {'init_command': 'SET SESSION TRANSACTION READ ONLY'}
    impatient = {'init_command': 'SET SESSION innodb_lock_wait_timeout = 1'}
    victim = {}
    show_limits = ('SELECT @@SESSION.innodb_lock_wait_timeout, '
                   '@@SESSION.lock_wait_timeout, '
                   '@@SESSION.max_statement_time')
    session_number = 'SELECT CONNECTION_ID()'
    session_waits = ("SELECT COUNT(*) FROM information_schema.innodb_trx "
                     "WHERE trx_mysql_thread_id = :number "
                     "AND trx_state = 'LOCK WAIT'")

    def weigh_down(self, other):
        """InnoDB ends the transaction that has changed fewer rows."""
        other.execute(sqlalchemy.insert(models.RawTemplateFiles),
                      [{'files': {}}] * 200)


class PostgreSQLRealFaultsTest(_ServerFaults, RealFaultTestCase):
    backend = databases.POSTGRESQL
    read_only = {'options': '-c default_transaction_read_only=on'}
    impatient = {'options': '-c lock_timeout=100'}
    # The session that first looks for a deadlock ends.
    victim = {'options': '-c deadlock_timeout=10'}
    show_limits = ("SELECT current_setting('lock_timeout'), "
                   "current_setting('statement_timeout')")
    session_number = 'SELECT pg_backend_pid()'
    session_waits = ("SELECT COUNT(*) FROM pg_stat_activity "
                     "WHERE pid = :number AND wait_event_type = 'Lock'")

    def weigh_down(self, other):
        other.execute(sqlalchemy.text("SET deadlock_timeout = '1min'"))


class SQLiteRealFaultsTest(RealFaultTestCase):
    backend = databases.SQLITE

    def test_read_only_file(self):
        path = sqlalchemy.engine.make_url(self.database.url).database
        with self.connected(uri='true', mode='ro') as engine:
            self.assertIn(path, str(engine.url))
            self.assertRefused(fault_errors.READ_ONLY)
        self.assertConverts()

    def test_file_that_another_process_keeps_locked(self):
        with self.connected(timeout='0.1'):
            with self.database.engine.connect() as other:
                other.execute(sqlalchemy.text('BEGIN IMMEDIATE'))
                self.assertRefused(fault_errors.LOCK_TIMEOUT)
        self.assertConverts()

    def test_full_disk(self):
        for _attempt in range(_EVENTS_A_PAGE):
            with self._full_file():
                try:
                    self.convert(self.identity)
                except ERRORS as exc:
                    self.assertIn('disk is full', str(exc))
                    break
            # The pages of the file had enough room.
            self.restore()
            self._add_event()
        self.assertLegacy(fault_errors.FULL)
        self.assertConverts()

    def _add_event(self):
        with self.database.engine.begin() as connection:
            connection.execute(models.Event.__table__.insert().values(
                stack_id=self.identity['stack_id'],
                resource_status_reason='x' * 255))
        self.legacy = self.rows.read()

    @contextlib.contextmanager
    def _full_file(self):
        """The file cannot grow, and has no free page."""
        with self.database.engine.connect().execution_options(
                isolation_level='AUTOCOMMIT') as connection:
            connection.execute(sqlalchemy.text('VACUUM'))
            pages = connection.scalar(sqlalchemy.text('PRAGMA page_count'))
        with self.connected() as engine:
            event.listen(engine, 'connect', lambda connection, _record:
                         connection.execute('PRAGMA max_page_count = %d'
                                            % pages))
            engine.dispose()
            yield
