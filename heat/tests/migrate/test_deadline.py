# SPDX-License-Identifier: Apache-2.0

"""An update waits for the conversion before it only so long."""

import threading
import time
from unittest import mock

import fixtures
from oslo_config import cfg
from oslo_db import exception as db_exception
import sqlalchemy

from heat.common.migrate import deadline as migrate_deadline
from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import options as migrate_options
from heat.db import api as db_api
from heat.db.migrate import limits as migrate_limits
from heat.db.migrate import retry as migrate_retry
from heat.db.migrate import write as migrate_write
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import graph as migrate_graph
from heat.engine.migrate import timed_planning
from heat.engine import service
from heat.tests import common
from heat.tests.migrate import test_convergence_migrate
from heat.tests.migrate import test_hook

_LABEL = 'the stack'


class OptionTest(common.HeatTestCase):

    def test_by_default_half_of_the_time_is_left_for_the_update(self):
        with mock.patch.object(migrate_options.cfg, 'CONF') as conf:
            conf.migrate_on_update_timeout = None
            conf.rpc_response_timeout = 30
            self.assertEqual(15, migrate_options.update_timeout())

    def test_it_can_be_set(self):
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
    """Past the deadline the update runs as legacy, and all is as before."""

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

        self.patchobject(target, name, side_effect=called)

    def test_a_plugin_that_hangs(self):
        hanging, ended = threading.Event(), threading.Event()
        self.addCleanup(hanging.set)

        def hang(resource, _dependencies):
            hanging.wait(60)
            try:
                resource.client_plugin('nova')
            except migrate_exception.OutOfTime:
                ended.set()

        self.useFixture(fixtures.MonkeyPatch(
            'heat.tests.generic_resource.GenericResource.add_dependencies',
            hang))
        cfg.CONF.set_override('migrate_on_update_timeout', 0.5)
        self.update()
        self.assertLegacy()
        # It is not let near the cloud any more.
        hanging.set()
        self.assertTrue(ended.wait(60))

    def test_before_the_next_stack_is_planned(self):
        self.after(convergence_migrate.migrate_tree, 'get_locks')
        with mock.patch.object(migrate_graph,
                               'requirements') as requirements:
            self.update()
        self.assertLegacy()
        requirements.assert_not_called()

    def test_after_planning(self):
        self.after(migrate_graph, 'requirements')
        self.update()
        self.assertLegacy()

    def test_before_each_statement(self):
        for name in ('_lock', '_write_stacks', '_write_resources',
                     '_delete_raw_templates'):
            with mock.patch.object(migrate_write, name,
                                   side_effect=getattr(migrate_write, name)
                                   ) as function:
                function.side_effect = self._and_pass(function.side_effect)
                self.update()
            self.assertLegacy()
            self.forget()

    def _and_pass(self, function):
        def called(*args, **kwargs):
            function(*args, **kwargs)
            self.pass_deadline()
        return called

    def forget(self):
        self.contexts.clear()
        self.update_stack.reset_mock()
        with db_api.context_manager.writer.using(self.ctx) as session:
            session.execute(sqlalchemy.delete(models.Event).where(
                models.Event.resource_action == 'MIGRATE'))

    def test_last_before_the_commit(self):
        self.after(migrate_write, '_unlock')
        self.update()
        self.assertLegacy()

    def test_before_the_next_attempt(self):
        def fail(*_args):
            self.pass_deadline()
            raise db_exception.DBDeadlock()

        write = self.patchobject(migrate_write, '_write', side_effect=fail)
        self.update()
        self.assertLegacy()
        write.assert_called_once()

    def test_an_error_of_the_database_at_the_deadline_is_its_work(self):
        def fail(*_args):
            self.pass_deadline()
            raise db_exception.DBError()

        self.patchobject(migrate_write, '_write', side_effect=fail)
        self.update()
        self.assertLegacy()

    def test_with_time_left_the_stack_is_converted(self):
        self.update()
        self.assertTrue(self.converted())


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
        context = timed_planning.TimedContext.copy(
            self._context(), migrate_deadline.Deadline(60), _LABEL)
        self.assertIsNotNone(context.clients.client_plugin('nova'))
        _passing(context, by=1)
        for function in (context.clients.client,
                         context.clients.client_plugin):
            self.assertRaises(migrate_exception.OutOfTime, function, 'nova')

    def test_the_context_of_the_request_stays_as_it_is(self):
        original = self._context()
        timed_planning.TimedContext.copy(
            original, migrate_deadline.Deadline(0), _LABEL)
        original.clients.client_plugin('nova')

    def _context(self):
        return test_convergence_migrate.utils.dummy_context()


class CommitTest(test_convergence_migrate.MigrateTestCase):
    """The connection breaks while the server commits."""

    def setUp(self):
        super().setUp()
        cfg.CONF.set_override('db_retry_interval', 0, 'database')
        self.stack = self.legacy({'a': []})
        self.plan = convergence_migrate.plan(self.ctx, self.stack.id)
        self.fails = 1

    def lose(self, commit_first):
        """Lose the connection at the next commit, and what it answers."""
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
        convergence_migrate.apply(self.ctx, self.plan)

    def assertWrittenOnce(self):
        self.assertTrue(self.row(self.stack).convergence)
        self.assertEqual(1, len(self.events(self.stack)))

    def test_what_is_committed_is_not_written_again(self):
        with mock.patch.object(migrate_write, '_write',
                               side_effect=migrate_write._write) as write:
            self.lose(commit_first=True)
        write.assert_called_once()
        self.assertWrittenOnce()

    def test_what_is_not_is_written_again(self):
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

    def test_what_breaks_the_connection_twice_is_not_tried_again(self):
        fault = self.fault(db_exception.DBConnectionError, 'UPDATE stack')
        self.assertEqual(2, self.calls(fault, fault))

    def test_a_lock_that_is_awaited_in_vain_twice_is_not_again(self):
        fault = self.fault(db_exception.DBDeadlock, 'INSERT',
                           "(1205, 'Lock wait timeout exceeded')")
        self.assertEqual(2, self.calls(fault, fault))

    def test_another_statement_is_another_fault(self):
        self.assertEqual(3, self.calls(*[
            self.fault(db_exception.DBConnectionError, statement)
            for statement in ('UPDATE stack', 'UPDATE resource')]))

    def test_a_deadlock_may_come_again(self):
        fault = self.fault(db_exception.DBDeadlock, 'INSERT',
                           "(1213, 'Deadlock found')")
        self.assertEqual(6, self.calls(*[fault] * 5))

    def test_a_server_that_is_not_there_may_come_back(self):
        fault = self.fault(db_exception.DBConnectionError, None)
        self.assertEqual(6, self.calls(*[fault] * 5))

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
