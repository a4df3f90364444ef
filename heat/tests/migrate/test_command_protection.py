# SPDX-License-Identifier: Apache-2.0

"""No stack is converted or reverted beside an engine without protection."""

import datetime
import os
import time

import fixtures
from oslo_config import cfg
import oslo_messaging
from oslo_utils import timeutils

from heat.cmd.migrate import ask_engines
from heat.cmd.migrate import protection
from heat.cmd.migrate import run
from heat.common import messaging
from heat.common.migrate import broker as migrate_broker
from heat.db import api as db_api
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import service
from heat.objects import service as service_object
from heat.tests import common
from heat.tests.migrate import command_case as case


class _ProtectionTestCase(case.CommandTestCase):

    def setUp(self):
        super().setUp()
        self.stack_id = self.legacy()
        self.answers = {}
        self.why_none = None
        self.asked = []
        self.patchobject(ask_engines, 'ask', side_effect=self.ask)

    def ask(self, engine_ids):
        self.asked.append(engine_ids)
        return {engine_id: self.answers[engine_id] for engine_id in engine_ids
                if engine_id in self.answers}, self.why_none

    def engine(self, number, answer=None, up=True, seen=None, host=None):
        """List an engine.

        :param answer: None for an engine that does not answer
        :param seen: when it was last up; default: now
        """
        engine_id = 'engine-%d' % number
        host = host or 'host-%d' % number
        row = service_object.Service.create(self.ctx, {
            'host': host, 'hostname': host, 'binary': 'heat-engine',
            'engine_id': engine_id, 'topic': 'engine',
            'report_interval': 60 if up else -60})
        service_object.Service.update_by_id(self.ctx, row.id, {})
        if seen:
            with db_api.context_manager.writer.using(self.ctx) as session:
                session.get(models.Service, row.id).updated_at = seen
        if answer:
            self.answers[engine_id] = answer

    def migrate(self, *words):
        return self.run_command('migrate-convergence-1', self.stack_id,
                                *words)

    def assertStops(self, *words):
        """Check that the command ends before the first stack.

        :returns: the line with the reason
        """
        status, out, err = self.migrate(*words)
        self.assertEqual((2, ''), (status, out))
        self.assertFalse(self.is_convergence(self.stack_id))
        return err

    def assertConverts(self, *words):
        """Check that the stack converts; returns the errors."""
        status, _out, err = self.migrate(*words)
        self.assertEqual(0, status, err)
        self.assertTrue(self.is_convergence(self.stack_id))
        return err


class ProtectionTest(_ProtectionTestCase):

    def test_protected_engines_are_nothing_to_speak_of(self):
        self.engine(1, ask_engines.PROTECTED)
        self.engine(2, ask_engines.PROTECTED)
        self.assertEqual('', self.assertConverts())
        self.assertEqual([['engine-1', 'engine-2']], self.asked)

    def test_each_unprotected_engine_is_named_with_the_reason(self):
        self.engine(1, ask_engines.PROTECTED)
        self.engine(2, ask_engines.OFF)
        self.engine(3, ask_engines.STOCK)
        self.engine(4)
        err = self.assertStops()
        self.assertIn('(host-2: %s; host-3: %s; host-4: %s)' % (
            ask_engines.OFF, ask_engines.STOCK, ask_engines.SILENT), err)
        self.assertNotIn('host-1', err)
        for way_out in ('migrate_protection = true', '--unprotected'):
            self.assertIn(way_out, err)

    def test_an_engine_that_does_not_answer_is_asked_again(self):
        self.engine(1, ask_engines.PROTECTED)
        self.engine(2)
        err = self.assertStops()
        self.assertEqual([['engine-1', 'engine-2']] +
                         [['engine-2']] * (protection.TIMES - 1), self.asked)
        self.assertEqual(1, err.count('Waiting for the engines on host-2 '
                                      'to answer, for 25 seconds at most.'))

    def test_an_engine_that_answers_late_is_protected(self):
        self.engine(1)

        def ask(engine_ids):
            found = self.ask(engine_ids)
            self.answers['engine-1'] = ask_engines.PROTECTED
            return found
        ask_engines.ask.side_effect = ask
        self.assertNotIn('ERROR', self.assertConverts())

    def test_an_engine_that_is_listed_as_down_and_answers(self):
        # The clock of this host may be ahead.
        self.engine(1, ask_engines.OFF, up=False)
        self.assertIn('host-1', self.assertStops())

    def test_an_engine_that_is_down_for_a_day_is_not_asked(self):
        self.engine(1, ask_engines.OFF, up=False,
                    seen=timeutils.utcnow() - datetime.timedelta(days=2))
        self.assertConverts()
        self.assertEqual([], self.asked)

    def test_an_engine_that_is_down_and_does_not_answer_has_ended(self):
        self.engine(1, up=False)
        self.engine(2, ask_engines.PROTECTED, up=False)
        self.assertEqual('', self.assertConverts())
        self.assertEqual([['engine-1', 'engine-2']], self.asked)

    def test_a_broker_that_is_down_like_all_engines(self):
        self.engine(1, up=False)
        self.why_none = 'the message broker does not answer'
        self.assertEqual('', self.assertConverts())

    def test_unprotected_goes_on_and_warns(self):
        self.engine(1, ask_engines.OFF)
        err = self.assertConverts('--unprotected')
        self.assertIn('host-1', err)

    def test_a_broker_that_is_down_is_reported(self):
        self.engine(1)
        self.why_none = 'the message broker does not answer'
        err = self.assertStops()
        self.assertIn('No engine can be asked', err)
        self.assertIn(self.why_none, err)

    def test_a_revert_stops_too(self):
        convergence_migrate.convert(self.ctx, self.stack_id)
        self.engine(1, ask_engines.OFF)
        status, _out, err = self.run_command('revert-convergence-1',
                                             self.stack_id)
        self.assertEqual(2, status)
        self.assertIn('host-1', err)
        self.assertTrue(self.is_convergence(self.stack_id))

    def test_an_action_that_keeps_the_engine_of_a_stack_calls_no_engine(self):
        self.engine(1, ask_engines.OFF)
        for option in ('--dry-run', '--verify', '--repair'):
            self.migrate(option)
        self.assertEqual([], self.asked)

    def test_without_engines_none_is_called(self):
        self.assertEqual('', self.assertConverts())
        self.assertEqual([], self.asked)
        # Nor without stacks.
        self.engine(1, ask_engines.OFF)
        status, _out, _err = self.run_command('migrate-convergence-1',
                                              '--all')
        self.assertEqual((0, []), (status, self.asked))

    def test_a_transport_without_other_processes(self):
        for number in (1, 2):
            self.engine(number, ask_engines.PROTECTED, host='host-1')
        self.patchobject(migrate_broker, 'is_rabbit', return_value=False)
        err = self.assertConverts()
        self.assertIn('Engines are running (host-1), and here', err)
        self.assertEqual([], self.asked)


class MeanwhileTest(_ProtectionTestCase):
    """The engines are asked again while --all runs."""

    def setUp(self):
        super().setUp()
        self.others = [self.legacy('legacy-%d' % number)
                       for number in range(2)]
        self.engine(1, ask_engines.PROTECTED)
        self.useFixture(fixtures.MockPatchObject(run, 'ASK_EVERY', 1))

    def test_after_a_number_of_stacks(self):
        status, _out, err = self.run_command('migrate-convergence-1', '--all')
        self.assertEqual((0, ''), (status, err))
        self.assertEqual([['engine-1']] * 3, self.asked)

    def test_an_engine_that_has_ended_is_asked_once(self):
        self.engine(2, up=False)
        self.run_command('migrate-convergence-1', '--all')
        self.assertEqual([['engine-1', 'engine-2']] + [['engine-1']] * 2,
                         self.asked)

    def test_an_engine_that_comes_later_ends_the_run(self):
        def ask(engine_ids):
            if len(self.asked) == 1:
                self.engine(2, ask_engines.OFF)
            return self.ask(engine_ids)
        ask_engines.ask.side_effect = ask
        report = os.path.join(self.useFixture(fixtures.TempDir()).path, 'r')
        status, out, err = self.run_command(
            'migrate-convergence-1', '--all', '--report', report)
        self.assertEqual(2, status)
        self.assertIn('ERROR: Ended before the last stack: ', err)
        self.assertIn('host-2', err)
        # The report has the stacks that are done.
        self.assertIn('2 stacks in ', out)
        self.assertTrue(os.path.exists(report))
        self.assertEqual([True, True, False], list(map(
            self.is_convergence, [self.stack_id] + self.others)))


class AskTest(case.CommandTestCase):
    """The process that asks, with a replaced RPC client."""

    def setUp(self):
        super().setUp()
        self.client = self.patchobject(messaging, 'get_rpc_client')
        self.patchobject(messaging, 'setup')
        self.broker = self.patchobject(migrate_broker, 'error',
                                       return_value=None)
        self.useFixture(fixtures.MonkeyPatch(
            'heat.cmd.migrate.ask_engines.TIMEOUT', 3))
        self.client.side_effect = self._client

    def _client(self, topic, version, server):
        return _Client(server)

    def test_each_engine_is_asked(self):
        self.assertEqual(
            ({'on': ask_engines.PROTECTED, 'off': ask_engines.OFF,
              'stock': ask_engines.STOCK}, None),
            ask_engines.ask(['on', 'off', 'stock', 'hung']))

    def test_all_at_once(self):
        # One after the other they would take ten seconds.
        answers, _none = ask_engines.ask(['slow-%d' % number
                                         for number in range(20)])
        self.assertEqual(20, len(answers))

    def test_it_ends_in_time_whatever_hangs(self):
        self.broker.side_effect = lambda: time.sleep(3600)
        self.assertEqual(({}, None), ask_engines.ask(['on']))

    def test_why_no_engine_can_be_asked(self):
        self.broker.return_value = 'the message broker does not answer'
        self.assertEqual(({}, 'the message broker does not answer'),
                         ask_engines.ask(['on']))
        messaging.setup.side_effect = oslo_messaging.InvalidTransportURL(
            'x', 'no scheme')
        answers, why_none = ask_engines.ask(['on'])
        self.assertEqual({}, answers)
        self.assertIn('no scheme', why_none)


class _Client:
    """Replaces the RPC client of one engine."""

    def __init__(self, engine_id):
        self._engine_id = engine_id

    def prepare(self, timeout):
        return self

    def call(self, _context, method):
        if self._engine_id == 'stock' or not hasattr(service.EngineListener,
                                                     method):
            raise oslo_messaging.RemoteError('NoSuchMethod', 'x', [])
        if self._engine_id == 'hung':
            time.sleep(60)
        if self._engine_id.startswith('slow'):
            time.sleep(0.5)
        return self._engine_id == 'on'


class ListenerTest(common.HeatTestCase):
    """The answer of an engine."""

    def assertAnswers(self, expected):
        listener = service.EngineListener('host', 'engine-1', None)
        self.assertIs(expected, listener.has_migrate_protection({}))

    def test_it_has_the_protection_with_one_of_the_options(self):
        self.assertAnswers(False)
        for option in ('migrate_protection', 'migrate_on_update'):
            cfg.CONF.set_override(option, True)
            self.assertAnswers(True)
            cfg.CONF.clear_override(option)
