# SPDX-License-Identifier: Apache-2.0

import itertools
import os
import signal
from unittest import mock
import uuid

import fixtures
from oslo_config import cfg
from oslo_db import exception as db_exception
from sqlalchemy import exc as sqlalchemy_exc

from heat.cmd.migrate import run
from heat.cmd.migrate import workers
from heat.common.migrate import exception as migrate_exception
from heat.db.migrate import events as migrate_db_events
from heat.db.migrate import roots as migrate_roots
from heat.engine.migrate import events as migrate_events
from heat.engine.migrate import graph as migrate_graph
from heat.engine.migrate import refusals as migrate_refusals
from heat.objects import snapshot as snapshot_object
from heat.objects import stack as stack_object
from heat.tests.migrate import command_case as case
from heat.tests.migrate import fixtures as migrate_fixtures


class MigrateTest(case.CommandTestCase):

    def test_converts_the_named_stacks(self):
        ids = [self.legacy('one'), self.legacy('two', {'a': [], 'b': ['a']})]
        other = self.legacy('other')
        status, found = self.outcomes('migrate-convergence-1', *ids)
        self.assertEqual(0, status)
        self.assertEqual([('one', 'converted', 1), ('two', 'converted', 2)],
                         [(done['name'], done['outcome'], done['resources'])
                          for done in found])
        self.assertTrue(all(map(self.is_convergence, ids)))
        self.assertFalse(self.is_convergence(other))

    def test_an_id_that_is_given_twice_or_in_another_notation(self):
        stack_id = self.legacy()
        _status, found = self.outcomes('migrate-convergence-1', stack_id,
                                       stack_id.upper(), stack_id)
        self.assertEqual(1, len(found))

    def test_all_are_the_legacy_ones_of_a_project(self):
        theirs = self.legacy('theirs')
        stack_object.Stack.update_by_id(self.ctx, theirs, {'tenant': 'them'})
        ours = self.legacy('ours')
        status, found = self.outcomes('migrate-convergence-1', '--all',
                                      '--project', 'them')
        self.assertEqual((0, [theirs]), (status, [found[0]['id']]))
        self.assertFalse(self.is_convergence(ours))

    def test_running_it_again_finds_nothing_to_do(self):
        stack_id = self.legacy()
        self.outcomes('migrate-convergence-1', '--all')
        self.assertEqual((0, []),
                         self.outcomes('migrate-convergence-1', '--all'))
        status, found = self.outcomes('migrate-convergence-1', stack_id)
        self.assertEqual((0, 'already'), (status, found[0]['outcome']))

    def test_dry_run_changes_nothing(self):
        stack_id = self.legacy(requirements={'a': [], 'b': ['a']})
        before = migrate_fixtures.rows(self.ctx, stack_id)
        status, out, _err = self.run_command(
            'migrate-convergence-1', '--all', '--dry-run')
        self.assertEqual(0, status)
        self.assertIn('1 can become convergence.', out)
        _status, found = self.outcomes(
            'migrate-convergence-1', '--all', '--dry-run')
        self.assertIn('1 stack, 2 resources, 1 dependency',
                      found[0]['message'])
        self.assertEqual(before, migrate_fixtures.rows(self.ctx, stack_id))

    def test_limit(self):
        self.legacy('one')
        self.legacy('two')
        status, found = self.outcomes('migrate-convergence-1', '--all',
                                      '--limit', '1')
        self.assertEqual((1, 1), (status, len(found)))
        status, found = self.outcomes('migrate-convergence-1', '--all',
                                      '--limit', '1')
        self.assertEqual((0, 1), (status, len(found)))

    def test_warnings_of_a_plan_are_reported(self):
        warned, other = self.legacy('warned'), self.legacy('other')
        stack = stack_object.Stack.get_by_id(self.ctx, warned)
        snapshot_object.Snapshot.create(self.ctx, {
            'tenant': stack.tenant, 'name': 'before', 'stack_id': warned,
            'status': 'IN_PROGRESS'})
        _status, out, _err = self.run_command('migrate-convergence-1', '--all')
        self.assertIn('  %s  warned' % warned, out)
        self.assertIn('before', out)
        self.assertNotIn(other, out)

    def test_event_says_why_a_stack_was_left(self):
        stack_id = self.legacy()
        # An operation in progress is nothing new to its owner.
        self.set_status(stack_id, 'IN_PROGRESS')
        self.outcomes('migrate-convergence-1', stack_id)
        self.set_status(stack_id, 'COMPLETE')
        self.set_name(stack_id, 'other')
        self.outcomes('migrate-convergence-1', stack_id, '--dry-run')
        self.assertEqual([], self.migration_events(stack_id))
        self.outcomes('migrate-convergence-1', stack_id)
        self.assertEqual(['FAILED'], self.migration_events(stack_id))

    def test_stack_that_is_not_in_a_sane_state_does_not_stop_the_rest(self):
        busy, sane = self.legacy('busy'), self.legacy('sane')
        self.set_status(busy, 'IN_PROGRESS')
        status, out, _err = self.run_command('migrate-convergence-1', '--all')
        self.assertEqual(1, status)
        self.assertIn('1 stack is busy: run this again later', out)
        self.assertIn('\n  %s  busy\n' % busy, out)
        self.assertFalse(self.is_convergence(busy))
        self.assertTrue(self.is_convergence(sane))

    def test_bug_with_one_stack_does_not_stop_the_rest(self):
        requirements = migrate_graph.requirements

        def fail(context, row, *args):
            if row.name == 'one':
                raise LookupError('a\nb')
            return requirements(context, row, *args)
        self.useFixture(fixtures.MonkeyPatch(
            'heat.engine.migrate.graph.requirements', fail))
        self.legacy('one')
        self.legacy('two')
        status, found = self.outcomes('migrate-convergence-1', '--all')
        self.assertEqual(2, status)
        self.assertEqual([('failed', 'error'), ('converted', None)],
                         [(done['outcome'], done['code']) for done in found])
        self.assertIn('an unexpected LookupError occurred. See the log',
                      found[0]['message'])

    def test_failing_database_does_not_show_the_values(self):
        # oslo.db does not wrap all errors of SQLAlchemy.
        bare = sqlalchemy_exc.OperationalError(
            'INSERT', {'value': 'secret'}, OSError('disk\nfull'))
        stack_id = self.legacy()
        for error in (db_exception.DBError(bare), bare):
            self.useFixture(fixtures.MonkeyPatch(
                'heat.engine.convergence_migrate.convert',
                mock.Mock(side_effect=error)))
            status, found = self.outcomes('migrate-convergence-1', stack_id)
            self.assertEqual(
                (2, 'failed', 'database', 'disk full'),
                (status, found[0]['outcome'], found[0]['code'],
                 found[0]['message']))

    def test_unknown_and_deleted_stacks(self):
        gone = self.legacy()
        stack_object.Stack.delete(self.ctx, gone)
        for stack_id in (gone, str(uuid.uuid4())):
            status, found = self.outcomes('migrate-convergence-1', stack_id)
            self.assertEqual((2, 'not_found'), (status, found[0]['code']))


class ScreenTest(case.CommandTestCase):
    """The output on a terminal of 80 columns."""

    def test_dry_run_of_300_with_5_refused_fits_a_screen(self):
        ids = [self.legacy('stack-%d-with-a-rather-long-name' % number)
               for number in range(5)]
        for stack_id in ids[:2]:
            self.set_status(stack_id, 'FAILED')
        self.set_status(ids[2], 'IN_PROGRESS')
        for stack_id in ids[3:]:
            self.set_name(stack_id, 'other')
        legacy = self.legacy('one-of-many')
        row = stack_object.Stack.get_by_id(self.ctx, legacy)
        many = [migrate_roots.RootStack(legacy, row.name, row.tenant,
                                        row.created_at)] * 294
        everything = run.all_stacks
        self.useFixture(fixtures.MonkeyPatch(
            'heat.cmd.migrate.run.all_stacks',
            lambda *args, **kwargs: itertools.chain(
                many, everything(*args, **kwargs))))
        status, out, _err = self.run_command(
            'migrate-convergence-1', '--all', '--dry-run')
        self.assertEqual(2, status)
        self.assertRegex(
            out, r'300 stacks in \S+( s)?: 295 can become convergence, 5 '
                 r'refused\.\n')
        self.assertLess(len(out.splitlines()), 40)
        self.assertLessEqual(max(map(len, out.splitlines())), 80)
        for stack_id in ids:
            self.assertIn('\n  %s  stack-' % stack_id, out)

    def test_header_says_what_runs_where(self):
        self.legacy()
        _status, out, _err = self.run_command('migrate-convergence-1', '--all')
        self.assertRegex(out, r'\AConversion to convergence: 1 stack, 1 '
                              r'worker\n.* on Heat .*\nDatabase \w+')

    def test_header_shows_no_password(self):
        self.legacy()
        cfg.CONF.set_override('connection', 'mysql+pymysql://heat:secret@db/h',
                              group='database')
        _status, out, _err = self.run_command('migrate-convergence-1', '--all')
        self.assertIn('heat:***@db/h', out)
        self.assertNotIn('secret', out)
        cfg.CONF.set_override('connection', None, group='database')
        _status, out, _err = self.run_command('migrate-convergence-1', '--all')
        self.assertIn('Database ([database] connection is not set)', out)

    def test_log_has_a_line_at_the_begin_and_the_end(self):
        log = self.useFixture(fixtures.FakeLogger())
        self.legacy()
        self.run_command('migrate-convergence-1', '--all')
        lines = [line for line in log.output.splitlines() if 'Run ' in line]
        self.assertEqual('Run begins: Conversion to convergence, 1 stack, 1 '
                         'worker', lines[0])
        self.assertRegex(lines[1], r'Run ended with exit status 0: 1 stack '
                                   r'in 0\.\d s: 1 converted\.')

    def test_ctrl_c_while_workers_start_is_one_line(self):
        stack_id = self.legacy()
        log = self.useFixture(fixtures.FakeLogger())
        staff = workers.staff

        def interrupted(*args):
            os.kill(os.getpid(), signal.SIGINT)
            return staff(*args)
        self.useFixture(fixtures.MonkeyPatch(
            'heat.cmd.migrate.workers.staff', interrupted))
        status, out, err = self.run_command('migrate-convergence-1', '--all')
        line = 'Stopped before the first stack: nothing was changed.\n'
        self.assertEqual((1, line), (status, err))
        self.assertEqual(3, len(out.splitlines()))
        self.assertIn('exit status 1: ' + line, log.output)
        self.assertFalse(self.is_convergence(stack_id))


class InputTest(case.CommandTestCase):
    """Ids from standard input."""

    def test_first_word_of_each_line_is_an_id(self):
        one, two = self.legacy('one'), self.legacy('two')
        self.stdin.write('%s  project  a name\n\n%s\n' % (one, two))
        self.stdin.seek(0)
        status, found = self.outcomes('migrate-convergence-1', '-')
        self.assertEqual((0, ['one', 'two']),
                         (status, [done['name'] for done in found]))

    def test_no_ids_are_nothing_to_do(self):
        self.assertEqual((0, []), self.outcomes('migrate-convergence-1', '-'))


class EventsTest(case.CommandTestCase):
    """The events of a command that runs every hour."""

    def setUp(self):
        super().setUp()
        self.stack_id = self.legacy()
        self.set_name(self.stack_id, 'other')
        # Also on a busy machine.
        self.patchobject(migrate_db_events, 'WAIT', new=600)
        self.notify = self.patchobject(migrate_events.notification, 'notify')
        self.patch('heat.common.messaging.NOTIFIER')

    def events_after(self, *words):
        self.run_command(*words or ('migrate-convergence-1', '--all'))
        return self.migration_events(self.stack_id)

    def notified(self):
        """Type, level and state of each notification."""
        return [(*call.args[1:3], call.args[3]['state'])
                for call in self.notify.call_args_list]

    def test_first_60_characters_say_that_nothing_is_lost(self):
        self.events_after()
        event, = self.events(self.stack_id)
        begin = event.resource_status_reason[:60]
        self.assertIn('your stack works as before, nothing is lost.', begin)
        self.assertIn('names resources that it does not have',
                      event.resource_status_reason)

    def test_reason_is_recorded_once_and_logged_each_time(self):
        log = self.useFixture(fixtures.FakeLogger())
        self.assertEqual(['FAILED'], self.events_after())
        self.assertEqual(['FAILED'], self.events_after())
        self.assertEqual([('stack.migrate.error', 'ERROR', 'MIGRATE_FAILED')],
                         self.notified())
        self.assertEqual(2, log.output.count('_resources]'))

    def test_reason_with_the_id_of_another_request_is_no_other_reason(self):
        for _time in range(2):
            migrate_refusals.for_operator(
                self.ctx, stack_object.Stack.get_by_id(
                    self.ctx, self.stack_id),
                migrate_exception.ImplicitDependencies(
                    stack='x', resource='a', error='No network x. Neutron '
                    "server returns request_ids: ['req-%s']" % uuid.uuid4()))
        self.assertEqual(1, len(self.migration_events(self.stack_id)))

    def test_another_reason_is_recorded_again(self):
        self.events_after()
        self.set_status(self.stack_id, 'FAILED')
        self.assertEqual(['FAILED'] * 2, self.events_after())
        self.assertEqual(2, self.notify.call_count)

    def test_reason_after_a_conversion_is_recorded_again(self):
        self.events_after()
        self.set_name(self.stack_id, 'a')
        self.assertEqual(['FAILED', 'COMPLETE'], self.events_after())
        self.assertEqual(('stack.migrate.end', 'INFO', 'MIGRATE_COMPLETE'),
                         self.notified()[-1])
        self.events_after('revert-convergence-1', '--all')
        self.set_name(self.stack_id, 'other')
        self.assertEqual(['FAILED', 'COMPLETE', 'COMPLETE', 'FAILED'],
                         self.events_after())
