# SPDX-License-Identifier: Apache-2.0

from unittest import mock

import fixtures
from oslo_db import exception as db_exception
import oslo_messaging

from heat.cmd.migrate import engines
from heat.cmd.migrate import errors
from heat.common import exception
from heat.common.migrate import exception as migrate_exception
from heat.db.migrate import roots as migrate_roots
from heat.engine import convergence_migrate
from heat.engine import service
from heat.objects import service as service_object
from heat.tests import common
from heat.tests.migrate import command_case as case
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests import utils


class _Client:
    """Replaces the RPC client: calls the function of a host."""

    def __init__(self, hosts, host):
        self.hosts = hosts
        self.host = host

    def prepare(self, version):
        return self

    def call(self, context, method, stack_id):
        self.hosts.calls.append((self.host, method, stack_id))
        return self.hosts.answers[self.host](context, stack_id)


class _Hosts(fixtures.Fixture):
    """Engine hosts by name, with a function that each answers with."""

    def __init__(self, **answers):
        super().__init__()
        self.answers = answers
        self.calls = []

    def _setUp(self):
        self.useFixture(fixtures.MonkeyPatch(
            'heat.common.messaging.get_rpc_client',
            lambda topic, server, version: _Client(self, server)))


def _stock(context, stack_id):
    raise oslo_messaging.RemoteError('NoEngineContextEstablished', 'x', [])


def _silent(context, stack_id):
    raise oslo_messaging.MessagingTimeout()


def _convert(context, stack_id):
    convergence_migrate.convert(context, stack_id)


class EnginesTest(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.ctx = utils.dummy_context()
        self.warnings = []

    def stacks(self, count, prefix='s'):
        for number in range(count):
            stack = migrate_fixtures.create_legacy(
                self.ctx, migrate_fixtures.template_of({'a': []}),
                name='%s%d' % (prefix.replace(' ', '-'), number))
            yield migrate_roots.RootStack(stack.id, stack.name, 'x', None)

    def run_on(self, hosts, stacks, size=1):
        """Hand the stacks to engines one by one; returns the outcomes."""
        self.useFixture(hosts)
        # One at a time: the database of a unit test has one connection.
        made = engines.Engines(sorted(hosts.answers), size,
                               self.warnings.append)
        self.addCleanup(made.close)
        done = []
        for stack in stacks:
            made.begin([stack])
            while made.in_hand:
                done += made.finished(60).outcomes
        return done

    def answer_of(self, exc):
        """The outcome and code for what an engine's method raises."""
        def fail(context, stack_id):
            raise exc
        outcome, = self.run_on(_Hosts(one=fail),
                               self.stacks(1, type(exc).__name__))
        return outcome

    def test_engine_converts(self):
        hosts = _Hosts(one=_convert)
        stack, = self.stacks(1)
        migrate_fixtures.create_legacy(
            self.ctx, migrate_fixtures.template_of({'a': []}), name='child',
            owner_id=stack.id)
        outcome, = self.run_on(hosts, [stack])
        self.assertEqual([('one', 'migrate_convergence_1', outcome.id)],
                         hosts.calls)
        self.assertEqual(
            ('converted', None, 'by the engine on host one', 1, 2),
            outcome[3:8])

    def test_convergence_stack_is_not_handed_over(self):
        stack, = self.stacks(1)
        convergence_migrate.convert(self.ctx, stack.id)
        hosts = _Hosts(one=_stock)
        outcome, = self.run_on(hosts, [stack])
        self.assertEqual(('already', None, None, 0, 0), outcome[3:8])
        self.assertEqual([], hosts.calls)

    def test_engines_take_turns(self):
        hosts = _Hosts(a=_convert, b=_convert)
        self.run_on(hosts, self.stacks(4), size=2)
        self.assertEqual(['a', 'b', 'a', 'b'],
                         [host for host, _method, _id in hosts.calls])

    def test_as_many_stacks_at_a_time_as_engine_processes(self):
        for size, expected in ((None, 3), (2, 2)):
            made = engines.Engines(['a', 'a', 'b'], size)
            self.addCleanup(made.close)
            self.assertEqual((expected, expected), (made.size, made.idle))

    def test_engine_that_cannot_convert_is_named_and_left_out(self):
        for answer, reason in ((_stock, 'without the convergence overlay'),
                               (_silent, 'does not answer')):
            hosts = _Hosts(a=answer, b=_convert)
            done = self.run_on(hosts, self.stacks(3, reason))
            self.assertEqual(['converted'] * 3,
                             [outcome.outcome for outcome in done])
            self.assertEqual(['a', 'b', 'b', 'b'],
                             [host for host, _method, _id in hosts.calls])
            warning = self.warnings.pop()
            self.assertEqual([], self.warnings)
            self.assertIn('host a', warning)
            self.assertIn(reason, warning)

    def test_stack_about_which_no_engine_answers_does_not_take_them_all(self):
        hosts = _Hosts(a=_silent, b=_silent, c=_convert)
        done = self.run_on(hosts, self.stacks(2))
        self.assertEqual([('failed', 'no_answer'), ('converted', None)],
                         [(outcome.outcome, outcome.code)
                          for outcome in done])
        self.assertEqual(3, len(hosts.calls))

    def test_no_engine_with_the_overlay(self):
        done = self.run_on(_Hosts(a=_stock, b=_stock), self.stacks(2))
        self.assertEqual([('failed', 'no_engine')] * 2,
                         [(outcome.outcome, outcome.code)
                          for outcome in done])
        self.assertIn('a, b', done[0].message)

    def test_refusals_keep_their_code(self):
        for refused in (
                migrate_exception.StackNotFound(stack='x'),
                migrate_exception.NestedStack(stack='x', root='y'),
                migrate_exception.InProgress(stack='x', action='UPDATE'),
                migrate_exception.NotComplete(stack='x',
                                              state='UPDATE_FAILED'),
                migrate_exception.Locked(stack='x', engine='y'),
                migrate_exception.Credentials(stack='x', error='y')):
            outcome, code, text = engines._read(self._as_raised(refused))
            self.assertEqual(('refused', refused.code), (outcome, code))
            self.assertNotIn('[', text)

    def test_refusal_keeps_its_remedy(self):
        for refused in (
                migrate_exception.InProgress(stack='x', action='UPDATE'),
                migrate_exception.NotComplete(stack='x', state='CHECK_FAILED'),
                migrate_exception.Locked(stack='x', engine='y')):
            self.assertEqual(str(refused), engines._read(
                self._as_raised(refused))[2])

    def test_an_engine_without_the_overlay_names_an_operation(self):
        _outcome, code, text = engines._read(
            exception.ActionInProgress(stack_name='x', action='UPDATE'))
        self.assertEqual('in_progress', code)
        self.assertIn('UPDATE', text)

    def test_a_stack_that_was_converted_stays_so_without_its_size(self):
        stack, = self.stacks(1)
        with mock.patch.object(engines.migrate_tree, 'get',
                               side_effect=db_exception.DBError('down')):
            outcome, = self.run_on(_Hosts(a=_convert), [stack])
        self.assertEqual(('converted', None, None), (
            outcome.outcome, outcome.nested, outcome.resources))

    def _as_raised(self, refused):
        """The exception of the RPC method for a refusal by the converter."""
        def refuse(*args, **kwargs):
            raise refused
        with fixtures.MonkeyPatch(
                'heat.engine.convergence_migrate.convert', refuse):
            expected = self.assertRaises(
                oslo_messaging.ExpectedException,
                service.EngineService('host', 'topic').migrate_convergence_1,
                self.ctx, 'x')
        return expected.exc_info[1]

    def test_refusal_that_comes_as_a_remote_error(self):
        outcome = self.answer_of(oslo_messaging.RemoteError(
            'Error', 'Mend it. [credentials]', ['a traceback']))
        self.assertEqual(('refused', 'credentials', 'Mend it.'), (
            outcome.outcome, outcome.code, outcome.message))

    def test_failure_of_the_engine(self):
        rebuilt = type('KeyError_Remote', (KeyError,), {})
        for exc, text in (
                (oslo_messaging.RemoteError('KeyError', 'x', ['a traceback']),
                 'an unexpected KeyError occurred in an engine.'),
                # Its type is known here.
                (rebuilt("'NoneType' object"),
                 'unexpected KeyError occurred'),
                (exception.Forbidden(), '')):
            outcome = self.answer_of(exc)
            self.assertEqual(('failed', 'error'),
                             (outcome.outcome, outcome.code))
            self.assertIn(text, outcome.message)

    def test_failure_of_the_broker_or_of_our_database_is_no_engines_failure(
            self):
        outcome = self.answer_of(oslo_messaging.MessageDeliveryFailure('x'))
        self.assertEqual(('failed', 'error'), outcome[3:5])
        self.assertIn('the message broker did not take the request',
                      outcome.message)
        self.assertNotIn('an engine.', outcome.message)

        self.useFixture(fixtures.MonkeyPatch(
            'heat.db.migrate.state.get',
            mock.Mock(side_effect=db_exception.DBConnectionError('gone'))))
        outcome = self.answer_of(ValueError())
        self.assertEqual(('failed', 'database'), outcome[3:5])
        self.assertIn('gone', outcome.message)

    def test_stack_that_was_deleted_meanwhile(self):
        outcome = self.answer_of(exception.NotFound('No stack x'))
        self.assertEqual(('gone', None), (outcome.outcome, outcome.code))


class NothingToDoTest(case.CommandTestCase):

    def test_no_engine_is_needed_for_no_stack(self):
        status, out, err = self.run_command('migrate-convergence-1', '--all',
                                            '--via-engines')
        self.assertEqual((0, ''), (status, err))
        self.assertIn('there was nothing to do', out)

    def test_a_stack_is_not_converted_here_without_one(self):
        stack_id = self.legacy()
        status, _out, err = self.run_command('migrate-convergence-1', stack_id,
                                             '--via-engines')
        self.assertEqual(2, status)
        self.assertIn('No engine can be called', err)
        self.assertFalse(self.is_convergence(stack_id))


class HostsUpTest(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.ctx = utils.dummy_context()
        # Asks over RPC.
        self.useFixture(fixtures.MonkeyPatch(
            'heat.common.service_utils.engine_alive',
            lambda context, engine_id: engine_id != 'killed'))

    def add(self, host, report_interval=60):
        service_object.Service.create(self.ctx, {
            'host': host, 'hostname': host, 'binary': 'heat-engine',
            'engine_id': host, 'topic': 'engine',
            'report_interval': report_interval})

    def test_once_for_each_process_that_is_up(self):
        self.add('a')
        self.add('a')
        self.add('b')
        self.add('killed')
        self.add('silent', report_interval=-60)
        self.assertEqual(['a', 'a', 'b'], sorted(engines.hosts_up(self.ctx)))

    def test_none(self):
        self.add('killed')
        exc = self.assertRaises(errors.CommandError, engines.hosts_up,
                                self.ctx)
        self.assertIn('No engine is up', str(exc))
