# SPDX-License-Identifier: Apache-2.0

"""Each log line of the reference, as an operator finds it in a log file."""

import ast
import pathlib
import re
from unittest import mock

from oslo_config import cfg
from oslo_messaging.rpc import dispatcher
from oslo_utils import timeutils

from heat.cmd.migrate import acting
from heat.cmd.migrate import actions
from heat.cmd.migrate import run
from heat.common import exception
from heat.db.migrate import counts as migrate_counts
from heat.db.migrate import events as migrate_db_events
from heat.db.migrate import roots as migrate_roots
from heat.db.migrate import state as migrate_state
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import convergence_migrate_batch
from heat.engine.migrate import dead_engines
from heat.engine.migrate import events as migrate_events
from heat.engine.migrate import race_protection
from heat.engine import service
from heat.engine import stack_lock
from heat import overlay
from heat.tests import generic_resource
from heat.tests.migrate import command_case
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import log_file
from heat.tests.migrate import test_hook
from heat.tests.migrate import test_race_protection
from heat.tests.migrate import test_reference
from heat.tests import releases

FAULT = mock.Mock(side_effect=ZeroDivisionError('by zero'))


class Logged:
    """For test cases that look into the log."""

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(log_file.LogFile())

    def assertLogged(self, *starts):
        """Find lines of the reference in the log, each as a whole.

        :param starts: how they begin
        """
        documented = test_reference.documented_lines()
        for start in starts:
            line, = ([line for line in documented if line[1] == start] or
                     [line for line in documented
                      if line[1].startswith(start)])
            self._find(line)

    def _find(self, documented):
        level, text = documented
        pattern = r'\S+ \S+ \d+ %s heat[\w.]* \[.*?\] %s' % (level, ''.join(
            '.*' if piece == '…' else re.escape(piece)
            for piece in re.split('(…)', text)))
        if documented in with_traceback():
            # oslo.log puts the error at the end of the line.
            pattern += r': ZeroDivisionError: by zero'
        self.assertTrue(
            any(re.fullmatch(pattern, line) for line in self.log.lines()),
            '%s not in\n%s' % (pattern, '\n'.join(self.log.lines())))


def with_traceback():
    """The lines of the reference that have a traceback."""
    page = (test_reference.REFERENCE / 'index.rst').read_text()
    start = page.index('come with a traceback')
    return test_reference.documented_lines(page[start:])


class EngineTest(Logged, test_hook.HookTestCase):

    def start(self):
        with mock.patch.object(service.EngineService.__base__, 'start'):
            self.engine.start()

    def test_conversion(self):
        self.add(models.Resource(
            stack_id=self.stack.id, name='left', action='CREATE',
            status='COMPLETE', root_stack_id=self.stack.id))
        self.update()
        self.assertLogged('Stack …: … …', 'Deleted resource rows')

    def test_refusal(self):
        self.set_values(models.Stack, self.stack.id, status='FAILED')
        self.update()
        self.assertLogged('… […]')

    def test_snapshots(self):
        self.add(models.Snapshot(
            id='one', stack_id=self.stack.id, tenant='t', name='one',
            status='IN_PROGRESS'))
        self.update()
        self.assertLogged('Snapshots of stack … that')
        if overlay.release().converged_actions:
            self.assertLogged('Snapshots of stack … stay')

    def test_start(self):
        self.start()
        self.assertLogged('… converts stacks on update')

    def test_start_without_convergence_engine(self):
        cfg.CONF.set_override('convergence_engine', False)
        self.start()
        self.assertLogged('migrate_on_update does nothing')

    def test_function_that_fails(self):
        for owner, name, act, start in (
                (migrate_roots, 'count_roots', self.start, 'Cannot count'),
                (convergence_migrate, 'convert', self.update,
                 'Converting stack … failed'),
                (generic_resource.GenericResource,
                 'add_explicit_dependencies', self.update,
                 'Reading stack … failed with'),
                (migrate_state, 'get_with', self.update,
                 'Cannot tell whether stack … is legacy; it')):
            with mock.patch.object(owner, name, FAULT):
                act()
            self.assertLogged(start)
            stack_lock.StackLock(self.ctx, self.stack.id,
                                 self.engine.engine_id).release()

    def test_conversion_that_cannot_be_reported(self):
        with mock.patch.object(migrate_events, '_notify', FAULT):
            self.update()
        self.assertTrue(self.row(self.stack).convergence)
        self.assertLogged('Cannot report that stack … has changed')

    def test_event_that_cannot_be_written(self):
        self.set_values(models.Stack, self.stack.id, status='FAILED')
        with mock.patch.object(migrate_events, 'refused', FAULT):
            self.update()
        self.assertLogged('Cannot record why stack … was not')

    def test_update_of_a_failed_stack_that_is_not_valid(self):
        cfg.CONF.set_override('migrate_on_update_failed', True)
        self.set_values(models.Stack, self.stack.id, status='FAILED')
        invalid = mock.Mock(side_effect=exception.StackValidationFailed(
            message='invalid'))
        with mock.patch.object(self.engine, '_prepare_stack_updates', invalid):
            self.assertRaises(dispatcher.ExpectedException, self.update)
        self.assertLogged('Stack … stays legacy')

    def test_update_that_lost_to_a_revert(self):
        lost = dispatcher.ExpectedException()
        with mock.patch.object(service.EngineService.__base__, 'update_stack',
                               side_effect=[lost, None]):
            with mock.patch.object(race_protection, 'lost_to_revert',
                                   return_value=True):
                self.update()
        self.assertLogged('Stack … was reverted while')

    def test_request_that_is_lost(self):
        loaded = migrate_fixtures.parser.Stack.load(self.ctx,
                                                    stack_id=self.stack.id)
        loaded.record_dropped('The rollback')
        self.assertLogged('A request for stack … is lost')

    def test_broker_that_does_not_answer(self):
        with mock.patch.object(dead_engines.migrate_broker, 'is_rabbit'):
            with mock.patch.object(dead_engines.migrate_broker, 'error',
                                   return_value='refused'):
                self.assertFalse(dead_engines._can_ask())
        self.assertLogged('No engine can be asked')

    def test_engine_that_cannot_be_asked(self):
        with mock.patch.object(dead_engines.service_utils, 'engine_alive',
                               FAULT):
            self.assertTrue(dead_engines._answers(self.ctx, 'engine'))
        self.assertLogged('Cannot tell whether engine … is alive')

    def test_overlay_that_is_not_active(self):
        with mock.patch.object(overlay, '_refusal', (
                'The convergence overlay is not active: Heat 1 in / runs as '
                'the stock one, because it is old.')):
            overlay.LOG.error(overlay._refusal)
        self.assertLogged('The convergence overlay is not active')


class RaceTest(Logged, test_race_protection.OvertakenTestCase):

    @releases.by_resource
    def test_lock_that_cannot_be_asked_for(self):
        with mock.patch.object(migrate_state, 'get_convergence_name', FAULT):
            self.assertRaises(exception.ActionInProgress, self.lock.acquire)
        self.assertLogged('Cannot tell whether stack … is legacy')

    def test_delete_that_waited(self):
        with self.lock.try_thread_lock():
            self.manager.start_with_acquired_lock(
                self.loaded, self.lock, self.loaded.delete)
        self.assertLogged('Stack … was converted while')

    def test_message_that_comes_late(self):
        self.loaded.convergence = False
        self.engine.worker_service = service.worker.WorkerService(
            'host', 'topic', 'engine-1', self.manager)
        self.engine.worker_service._retrigger_replaced(
            True, self.loaded['a'], self.loaded, None)
        self.assertLogged('Ignored a message about resource')


class CommandTest(Logged, command_case.CommandTestCase):

    def setUp(self):
        super().setUp()
        self.stack_id = self.legacy()

    def test_command_that_fails(self):
        for owner, name, words, start in (
                (convergence_migrate, 'convert',
                 ['migrate-convergence-1', self.stack_id],
                 'Migrating stack … failed'),
                (migrate_counts, 'tally', ['convergence-status'],
                 'heat-manage failed')):
            with mock.patch.object(owner, name, FAULT):
                self.run_command(*words)
            self.assertLogged(start)

    def test_batch_that_fails(self):
        stacks = list(run.named_stacks(self.ctx, [self.stack_id]))
        with mock.patch.object(convergence_migrate_batch, 'plan', FAULT):
            self.assertEqual(([], stacks), acting.act_together(
                actions.CONVERT, stacks))
        self.assertLogged('A batch of stacks failed')

    def test_worker_that_ends_without_a_report(self):
        stack, = run.named_stacks(self.ctx, [self.stack_id])
        begun = timeutils.utcnow()
        acting.act(actions.CONVERT, stack)
        acting.find_written(actions.CONVERT, [stack], begun, 1)
        self.assertLogged('Stack … was changed before its worker')

    def test_database_that_fails_after_a_worker_has_ended(self):
        stack, = run.named_stacks(self.ctx, [self.stack_id])
        with mock.patch.object(migrate_db_events, 'written_since', FAULT):
            self.assertEqual(([], [stack], False), acting.find_written(
                actions.CONVERT, [stack], timeutils.utcnow(), 1))
        self.assertLogged('Cannot read what a worker has written')

    def test_event_that_cannot_be_written(self):
        self.set_status(self.stack_id, 'FAILED')
        with mock.patch.object(migrate_events, 'refused', FAULT):
            self.run_command('migrate-convergence-1', self.stack_id)
        self.assertLogged('Cannot record why stack … was left unchanged')

    def test_reason_ends_with_its_code(self):
        self.set_status(self.stack_id, 'FAILED')
        self.run_command('migrate-convergence-1', self.stack_id)
        self.assertLogged('… […]')
        self.assertTrue(any(line.endswith(' [failed]')
                            for line in self.log.lines()))

    def test_run_begins_and_ends(self):
        self.run_command('migrate-convergence-1', self.stack_id)
        self.assertLogged('Run begins: …, …, …',
                          'Run ended with exit status …: …')


class CompleteTest(test_reference.common.HeatTestCase):

    def test_each_line_of_the_reference_has_a_test(self):
        starts = {call.value for call in ast.walk(ast.parse(
            pathlib.Path(__file__).read_text()))
            if isinstance(call, ast.Constant)}
        self.assertEqual(set(), {
            line for _level, line in test_reference.documented_lines()
            if not any(isinstance(start, str) and len(start) > 3 and
                       line.startswith(start) for start in starts)})
