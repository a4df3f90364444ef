# SPDX-License-Identifier: Apache-2.0

"""No stack is converted or reverted beside an engine without protection."""

import os
import time

import fixtures
from oslo_config import cfg
import oslo_messaging

from heat.cmd.migrate import protection
from heat.cmd.migrate import run
from heat.common import messaging
from heat.common.migrate import broker as migrate_broker
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
        self.patchobject(protection, 'ask', side_effect=self.ask)

    def ask(self, engine_ids):
        self.asked.append(engine_ids)
        return {engine_id: self.answers[engine_id] for engine_id in engine_ids
                if engine_id in self.answers}, self.why_none

    def engine(self, number, answer=None):
        """List an engine as up.

        :param answer: None for one that does not answer
        """
        engine_id = 'engine-%d' % number
        host = 'host-%d' % number
        row = service_object.Service.create(self.ctx, {
            'host': host, 'hostname': host, 'binary': 'heat-engine',
            'engine_id': engine_id, 'topic': 'engine', 'report_interval': 60})
        service_object.Service.update_by_id(self.ctx, row.id, {})
        if answer:
            self.answers[engine_id] = answer

    def migrate(self, *words):
        return self.run_command('migrate-convergence-1', self.stack_id,
                                *words)

    def assertStops(self, *words):
        """See that the command ends before the first stack.

        :returns: the line that says why
        """
        status, out, err = self.migrate(*words)
        self.assertEqual((2, ''), (status, out))
        self.assertFalse(self.is_convergence(self.stack_id))
        return err

    def assertConverts(self, *words):
        """See that the stack converts; returns the errors."""
        status, _out, err = self.migrate(*words)
        self.assertEqual(0, status, err)
        self.assertTrue(self.is_convergence(self.stack_id))
        return err


class ProtectionTest(_ProtectionTestCase):

    def test_protected_engines_are_nothing_to_speak_of(self):
        self.engine(1, protection.PROTECTED)
        self.engine(2, protection.PROTECTED)
        self.assertEqual('', self.assertConverts())
        self.assertEqual([['engine-1', 'engine-2']], self.asked)

    def test_each_unprotected_engine_is_named_with_the_reason(self):
        self.engine(1, protection.PROTECTED)
        self.engine(2, protection.OFF)
        self.engine(3, protection.STOCK)
        self.engine(4)
        err = self.assertStops()
        self.assertIn('(host-2: %s; host-3: %s; host-4: %s)' % (
            protection.OFF, protection.STOCK, protection.SILENT), err)
        self.assertNotIn('host-1', err)
        for way_out in ('migrate_protection = true', '--unprotected'):
            self.assertIn(way_out, err)

    def test_unprotected_goes_on_and_warns(self):
        self.engine(1, protection.OFF)
        err = self.assertConverts('--unprotected')
        self.assertIn('host-1', err)

    def test_a_broker_that_is_down_is_told(self):
        self.engine(1)
        self.why_none = 'the message broker does not answer'
        err = self.assertStops()
        self.assertIn('No engine can be asked', err)
        self.assertIn(self.why_none, err)

    def test_a_revert_stops_too(self):
        convergence_migrate.convert(self.ctx, self.stack_id)
        self.engine(1, protection.OFF)
        status, _out, err = self.run_command('revert-convergence-1',
                                             self.stack_id)
        self.assertEqual(2, status)
        self.assertIn('host-1', err)
        self.assertTrue(self.is_convergence(self.stack_id))

    def test_what_does_not_change_the_engine_of_a_stack_asks_nobody(self):
        self.engine(1, protection.OFF)
        for option in ('--dry-run', '--verify', '--repair'):
            self.migrate(option)
        self.assertEqual([], self.asked)

    def test_without_engines_nobody_is_asked(self):
        self.assertEqual('', self.assertConverts())
        self.assertEqual([], self.asked)

    def test_without_stacks_nobody_is_asked(self):
        convergence_migrate.convert(self.ctx, self.stack_id)
        self.engine(1, protection.OFF)
        status, _out, _err = self.run_command('migrate-convergence-1',
                                              '--all')
        self.assertEqual((0, []), (status, self.asked))

    def test_a_transport_that_nobody_can_ask_over(self):
        self.engine(1, protection.PROTECTED)
        self.patchobject(migrate_broker, 'is_rabbit', return_value=False)
        err = self.assertConverts()
        self.assertIn('Engines are running (host-1), and here', err)
        self.assertEqual([], self.asked)


class MeanwhileTest(_ProtectionTestCase):
    """The engines are asked again while --all is at work."""

    def setUp(self):
        super().setUp()
        self.others = [self.legacy('legacy-%d' % number)
                       for number in range(2)]
        self.engine(1, protection.PROTECTED)
        self.useFixture(fixtures.MockPatchObject(run, 'ASK_EVERY', 1))

    def test_after_so_many_stacks(self):
        status, _out, err = self.run_command('migrate-convergence-1', '--all')
        self.assertEqual((0, ''), (status, err))
        self.assertEqual([['engine-1']] * 3, self.asked)

    def test_an_engine_that_comes_later_ends_the_run(self):
        def ask(engine_ids):
            if len(self.asked) == 1:
                self.engine(2, protection.OFF)
            return self.ask(engine_ids)
        protection.ask.side_effect = ask
        report = os.path.join(self.useFixture(fixtures.TempDir()).path, 'r')
        status, out, err = self.run_command(
            'migrate-convergence-1', '--all', '--report', report)
        self.assertEqual(2, status)
        self.assertIn('ERROR: Ended before the last stack: ', err)
        self.assertIn('host-2', err)
        # What was done is told as ever.
        self.assertIn('2 stacks in ', out)
        self.assertTrue(os.path.exists(report))
        self.assertEqual([True, True, False], list(map(
            self.is_convergence, [self.stack_id] + self.others)))


class AskTest(case.CommandTestCase):
    """What the process that asks does, with an RPC client that is none."""

    def setUp(self):
        super().setUp()
        self.client = self.patchobject(messaging, 'get_rpc_client')
        self.patchobject(messaging, 'setup')
        self.broker = self.patchobject(migrate_broker, 'error',
                                       return_value=None)
        self.useFixture(fixtures.MonkeyPatch(
            'heat.cmd.migrate.protection.TIMEOUT', 3))
        self.client.side_effect = self._client

    def _client(self, topic, version, server):
        return _Client(server)

    def test_each_engine_is_asked(self):
        self.assertEqual(
            ({'on': protection.PROTECTED, 'off': protection.OFF,
              'stock': protection.STOCK}, None),
            protection.ask(['on', 'off', 'stock', 'hung']))

    def test_all_at_once(self):
        began = time.monotonic()
        answers, _none = protection.ask(['slow-%d' % number
                                         for number in range(20)])
        self.assertEqual(20, len(answers))
        self.assertLess(time.monotonic() - began, 3)

    def test_it_ends_in_time_whatever_hangs(self):
        self.broker.side_effect = lambda: time.sleep(60)
        began = time.monotonic()
        self.assertEqual(({}, None), protection.ask(['on']))
        self.assertLess(time.monotonic() - began, 15)

    def test_why_no_engine_can_be_asked(self):
        self.broker.return_value = 'the message broker does not answer'
        self.assertEqual(({}, 'the message broker does not answer'),
                         protection.ask(['on']))

    def test_a_transport_url_that_is_none(self):
        messaging.setup.side_effect = oslo_messaging.InvalidTransportURL(
            'x', 'no scheme')
        answers, why_none = protection.ask(['on'])
        self.assertEqual({}, answers)
        self.assertIn('no scheme', why_none)


class _Client:
    """Stands for the RPC client of one engine."""

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
    """What an engine answers."""

    def assertAnswers(self, expected):
        listener = service.EngineListener('host', 'engine-1', None)
        self.assertIs(expected, listener.has_migrate_protection({}))

    def test_by_default(self):
        self.assertAnswers(False)

    def test_with_the_protection(self):
        cfg.CONF.set_override('migrate_protection', True)
        self.assertAnswers(True)

    def test_with_the_conversion_on_update(self):
        cfg.CONF.set_override('migrate_on_update', True)
        self.assertAnswers(True)
