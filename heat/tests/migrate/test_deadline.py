# SPDX-License-Identifier: Apache-2.0

"""An update waits for its conversion only until a deadline."""

import threading
import time
from unittest import mock

import fixtures
from oslo_config import cfg
from oslo_context import context as oslo_context
from oslo_db import exception as db_exception
import sqlalchemy

from heat.common.migrate import deadline as migrate_deadline
from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import options as migrate_options
from heat.db.migrate import clean_up
from heat.db.migrate import limits as migrate_limits
from heat.db.migrate import retry as migrate_retry
from heat.db.migrate import tree as migrate_tree
from heat.db.migrate import write as migrate_write
from heat.db.migrate import write_rows
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import graph as migrate_graph
from heat.engine.migrate import timed_planning
from heat.engine import service
from heat.tests import common
from heat.tests.migrate import hanging
from heat.tests.migrate import test_convergence_migrate
from heat.tests.migrate import test_hook
from heat.tests import utils

_LABEL = 'the stack'


class OptionTest(common.HeatTestCase):

    def test_by_default_half_of_the_time_is_left_for_the_update(self):
        with mock.patch.object(migrate_options.cfg, 'CONF') as conf:
            conf.migrate_on_update_timeout = None
            conf.rpc_response_timeout = 30
            self.assertEqual(15, migrate_options.update_timeout())
        cfg.CONF.set_override('migrate_on_update_timeout', 3)
        self.assertEqual(3, migrate_options.update_timeout())


class DeadlineTest(common.HeatTestCase):

    def test_it_passes(self):
        deadline = migrate_deadline.Deadline(0)
        self.assertTrue(deadline.passed)
        self.assertRaises(migrate_exception.OutOfTime, deadline.check, '')

    def test_most_contexts_have_none(self):
        self.assertIsNone(migrate_deadline.of(mock.Mock(spec=[])).left)
        migrate_deadline.NEVER.check('')


def _passing(context, by):
    """Make the deadline of a context pass."""
    context.migrate_deadline._end = time.monotonic() - by


class HookDeadlineTest(test_hook.HookTestCase):
    """Past the deadline the update runs as legacy, and no row is changed."""

    def setUp(self):
        super().setUp()
        self.before = self.rows(self.stack)
        self.update_stack = self.patchobject(
            service.EngineService.__base__, 'update_stack')
        self.contexts = []
        copy = timed_planning.TimedContext.copy

        def remember(*args):
            self.contexts.append(copy(*args))
            return self.contexts[-1]

        self.patchobject(timed_planning.TimedContext, 'copy',
                         side_effect=remember)

    def pass_deadline(self, *_args, **_kwargs):
        _passing(self.contexts[0], by=1)

    def assertLegacy(self):
        self.update_stack.assert_called_once()
        self.assertEqual(self.before, self.rows(self.stack))
        event, = self.events(self.stack)
        self.assertEqual('FAILED', event.resource_status)
        self.assertIn('took longer than', event.resource_status_reason)

    def after(self, target, name):
        """Make the deadline pass when a function has been called."""
        function = getattr(target, name)

        def called(*args, **kwargs):
            result = function(*args, **kwargs)
            self.pass_deadline()
            return result

        return mock.patch.object(target, name, called)

    def test_a_plugin_that_hangs(self):
        planning = self.useFixture(hanging.HangingPlanning())
        cfg.CONF.set_override('migrate_on_update_timeout', 60)
        stopped = []

        def hang(resource, _dependencies):
            planning.hang()
            try:
                resource.client_plugin('nova')
            except migrate_exception.OutOfTime:
                stopped.append(resource.name)

        self.useFixture(fixtures.MonkeyPatch(
            'heat.tests.generic_resource.GenericResource.add_dependencies',
            hang))
        self.update()
        self.assertLegacy()
        self.assertEqual([], stopped)
        # It cannot call the cloud any more.
        planning.release()
        self.assertIn('a', stopped)

    def test_before_the_next_stack_is_planned(self):
        with self.after(migrate_tree, 'read_many'), mock.patch.object(
                migrate_graph, 'requirements') as requirements:
            self.update()
        self.assertLegacy()
        requirements.assert_not_called()

    def test_after_planning_and_before_each_statement_and_the_commit(self):
        for owner, name in ((migrate_graph, 'requirements'),
                            (migrate_write, '_insert_locks'),
                            (write_rows, 'write_stacks'),
                            (write_rows, 'write_resources'),
                            (clean_up, 'delete_raw_templates'),
                            (migrate_write, '_unlock')):
            with self.after(owner, name):
                self.update()
            self.assertLegacy()
            self.forget()

    def forget(self):
        self.contexts.clear()
        self.update_stack.reset_mock()
        self.execute(sqlalchemy.delete(models.Event).where(
            models.Event.resource_action == 'MIGRATE'))

    def test_before_the_next_attempt_and_at_an_error_of_the_database(self):
        for error in (db_exception.DBDeadlock(), db_exception.DBError()):
            def fail(*_args, error=error):
                self.pass_deadline()
                raise error

            with mock.patch.object(migrate_write, '_insert_locks',
                                   side_effect=fail) as write:
                self.update()
            self.assertLegacy()
            write.assert_called_once()
            self.forget()

    def test_with_time_left_the_stack_is_converted(self):
        self.update()
        self.assertTrue(self.converted())


class TreeDeadlineTest(HookDeadlineTest):
    """The same for a tree, which is planned before it is locked."""

    def setUp(self):
        super().setUp()
        self.legacy({'b': []}, name='child', owner_id=self.stack.id)
        self.before = self.rows(self.stack)


class CallTest(common.HeatTestCase):

    def test_a_thread_that_meets_the_deadline_itself_is_not_abandoned(self):
        # It is about to end. The update would begin beside it.
        context = timed_planning.TimedContext.copy(
            utils.dummy_context(), migrate_deadline.Deadline(60), _LABEL)
        passed = threading.Event()
        start = threading.Thread.start

        def start_and_pass(thread):
            start(thread)
            passed.wait(60)

        def plan():
            _passing(context, by=1)
            passed.set()
            time.sleep(0.1)
            return 'plan'

        with mock.patch.object(threading.Thread, 'start', start_and_pass):
            self.assertEqual('plan', timed_planning.call(context, _LABEL,
                                                         plan))


class ContextTest(common.HeatTestCase):

    def test_no_request_begins_past_the_deadline(self):
        context = timed_planning.TimedContext.copy(
            self._context(), migrate_deadline.Deadline(60), _LABEL)
        with mock.patch('requests.Session.request') as request:
            request.return_value = mock.Mock(status_code=200, headers={})
            context._keystone_session.request('http://cloud', 'GET')
            self.assertLessEqual(request.call_args[1]['timeout'], 60)
            _passing(context, by=1)
            self.assertRaises(
                migrate_exception.OutOfTime,
                context._keystone_session.request, 'http://cloud', 'GET')
            request.assert_called_once()

    def test_no_client_is_had_past_the_deadline(self):
        original = self._context()
        context = timed_planning.TimedContext.copy(
            original, migrate_deadline.Deadline(60), _LABEL)
        self.assertIsNotNone(context.clients.client_plugin('nova'))
        _passing(context, by=1)
        for function in (context.clients.client,
                         context.clients.client_plugin):
            self.assertRaises(migrate_exception.OutOfTime, function, 'nova')
        # The context of the request has no deadline.
        original.clients.client_plugin('nova')

    def test_the_thread_keeps_the_context_of_its_log_lines(self):
        original = self._context()
        original.update_store()
        timed_planning.TimedContext.copy(
            original, migrate_deadline.NEVER, _LABEL)
        self.assertIs(original, oslo_context.get_current())

    def _context(self):
        return utils.dummy_context()


class CommitTest(test_convergence_migrate.MigrateTestCase):
    """The connection breaks while the server commits."""

    #: A function of heat.db.migrate.write that each attempt calls.
    function = '_write'

    def apply(self):
        convergence_migrate.apply(self.ctx, self.plan)

    def setUp(self):
        super().setUp()
        cfg.CONF.set_override('db_retry_interval', 0, 'database')
        self.stack = self.legacy({'a': []})
        self.plan = convergence_migrate.plan(self.ctx, self.stack.id)
        self.fails = 1

    def lose(self, commit_first):
        """Lose the connection and the answer at the next commit."""
        def commit(session):
            if self.fails:
                self.fails -= 1
                if commit_first:
                    do_commit(session)
                raise db_exception.DBConnectionError()
            return do_commit(session)

        do_commit = sqlalchemy.orm.Session.commit
        self.useFixture(fixtures.MonkeyPatch(
            'sqlalchemy.orm.Session.commit', commit))
        self.apply()

    def assertWrittenOnce(self):
        self.assertTrue(self.row(self.stack).convergence)
        self.assertEqual(1, len(self.events(self.stack)))

    def test_a_committed_plan_is_not_written_again(self):
        function = getattr(migrate_write, self.function)
        with mock.patch.object(migrate_write, self.function,
                               side_effect=function) as write:
            self.lose(commit_first=True)
        write.assert_called_once()
        self.assertWrittenOnce()

    def test_a_plan_that_is_not_committed_is_written_again(self):
        self.lose(commit_first=False)
        self.assertWrittenOnce()


class RetryTest(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        cfg.CONF.set_override('db_retry_interval', 0, 'database')
        self.patchobject(migrate_retry.time, 'sleep')

    def calls(self, *faults):
        function = mock.Mock(side_effect=faults + (None,))
        try:
            migrate_retry.call(function, migrate_deadline.NEVER, _LABEL)
        except db_exception.DBError:
            pass
        return function.call_count

    def fault(self, kind, statement, text='gone'):
        return kind(sqlalchemy.exc.OperationalError(
            statement, {}, Exception(text)))

    def test_a_fault_of_the_statement_may_come_once(self):
        broken, locked = (db_exception.DBConnectionError,
                          db_exception.DBDeadlock)
        for kind, statement, text in (
                (broken, 'UPDATE stack', 'gone'),
                (locked, 'INSERT', "(1205, 'Lock wait timeout exceeded')")):
            fault = self.fault(kind, statement, text)
            self.assertEqual(2, self.calls(fault, fault))
        self.assertEqual(3, self.calls(*[
            self.fault(broken, statement)
            for statement in ('UPDATE stack', 'UPDATE resource')]))

    def test_a_fault_of_something_else_may_come_again(self):
        for kind, statement, text in (
                (db_exception.DBDeadlock, 'INSERT',
                 "(1213, 'Deadlock found')"),
                (db_exception.DBConnectionError, 'INSERT',
                 "(1047, 'WSREP has not yet prepared node')"),
                # The server is down.
                (db_exception.DBConnectionError, None, 'gone')):
            fault = self.fault(kind, statement, text)
            self.assertEqual(6, self.calls(*[fault] * 5), text)

    def test_in_the_end_it_is_given_up(self):
        cfg.CONF.set_override('db_max_retries', 3, 'database')
        self.assertEqual(4, self.calls(*[db_exception.DBDeadlock()] * 9))

    def test_without_retries_it_is_called_once(self):
        for number in (0, -1):
            cfg.CONF.set_override('db_max_retries', number, 'database')
            self.assertEqual(1, self.calls())


class LimitsTest(test_convergence_migrate.MigrateTestCase):

    def test_without_a_deadline_the_session_is_that_of_heat(self):
        session = mock.Mock()
        with migrate_limits.within(session, migrate_deadline.NEVER,
                                   _LABEL) as limited:
            self.assertIs(session, limited)

    def test_past_the_deadline_no_statement_begins(self):
        session = mock.Mock()
        session.get_bind.return_value.dialect = mock.Mock(
            is_mariadb=False)
        deadline = migrate_deadline.Deadline(60)
        with migrate_limits.within(session, deadline, _LABEL) as limited:
            deadline._end = 0
            for function in (limited.execute, limited.scalar, limited.scalars,
                             limited.connection):
                self.assertRaises(migrate_exception.OutOfTime, function)
        session.execute.assert_not_called()
        session.scalar.assert_not_called()
        session.scalars.assert_not_called()

    def test_after_an_error_the_connection_gets_its_limits_back(self):
        session = mock.Mock()
        session.get_bind.return_value.dialect = mock.Mock(is_mariadb=True)
        session.get_bind.return_value.dialect.name = 'mysql'
        connection = session.connection.return_value

        def fail():
            with migrate_limits.within(session, migrate_deadline.Deadline(60),
                                       _LABEL) as limited:
                limited.execute('SELECT 1')
                # As SQLAlchemy does after an error in a flush.
                session.connection.side_effect = ZeroDivisionError()
                raise ValueError()

        self.assertRaises(ValueError, fail)
        self.assertEqual(migrate_limits._MYSQL_END +
                         migrate_limits._MARIADB_END,
                         connection.exec_driver_sql.call_args[0][0])
