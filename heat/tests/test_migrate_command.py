# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

import argparse
import io
import json
import uuid

import fixtures
from oslo_db import exception as db_exception
from sqlalchemy import exc as sqlalchemy_exc

from heat.cmd import manage
from heat.cmd.migrate import checks
from heat.cmd.migrate import commands
from heat.common import exception
from heat.db import migrate_census
from heat.engine import stack_graph
from heat.objects import event as event_object
from heat.objects import snapshot as snapshot_object
from heat.objects import stack as stack_object
from heat.tests import common
from heat.tests import migrate_fixtures
from heat.tests import utils


class CommandTestCase(common.HeatTestCase):
    """heat-manage's commands in the process of the test."""

    def setUp(self):
        super().setUp()
        self.ctx = utils.dummy_context()
        # They change the log of the whole process, and look for a schema
        # that alembic made.
        for name in ('log_elsewhere_than_stdout', 'check_database'):
            self.useFixture(fixtures.MonkeyPatch(
                'heat.cmd.migrate.checks.%s' % name, lambda: None))

    def run_command(self, *words):
        """Run a command; returns its status, output and errors."""
        parser = argparse.ArgumentParser()
        commands.add_parsers(parser.add_subparsers(), lambda func: func)
        out, err = io.StringIO(), io.StringIO()
        with (fixtures.MonkeyPatch('sys.stdout', out),
              fixtures.MonkeyPatch('sys.stderr', err)):
            args = parser.parse_args(words)
            status = args.func(args)
        return status, out.getvalue(), err.getvalue()

    def outcomes(self, *words):
        """Run a command for its JSON lines; returns its status and them."""
        status, out, _err = self.run_command(*words, '--format', 'json')
        return status, [json.loads(line) for line in out.splitlines()]

    def legacy(self, name='legacy', requirements=None, **kwargs):
        return migrate_fixtures.create_legacy(
            self.ctx, migrate_fixtures.template_of(requirements or {'a': []}),
            name=name, **kwargs).id

    def is_convergence(self, stack_id):
        return stack_object.Stack.get_by_id(self.ctx, stack_id).convergence

    def set_status(self, stack_id, status):
        stack_object.Stack.update_by_id(self.ctx, stack_id,
                                        {'status': status})


class ArgumentsTest(CommandTestCase):
    """What cannot be is told in one line, and nothing is done."""

    def error(self, *words):
        status, out, err = self.run_command(*words)
        self.assertEqual((2, ''), (status, out))
        line, = err.splitlines()
        return line

    def test_neither_ids_nor_all(self):
        self.assertIn('or --all', self.error('migrate-convergence-1'))

    def test_both_ids_and_all(self):
        self.assertIn('not both', self.error(
            'migrate-convergence-1', '--all', str(uuid.uuid4())))

    def test_malformed_id_leaves_the_other_stacks_alone(self):
        stack_id = self.legacy()
        self.assertIn('web is not the id of a stack', self.error(
            'migrate-convergence-1', stack_id, 'web'))
        self.assertFalse(self.is_convergence(stack_id))

    def test_project_without_all(self):
        self.assertIn('--project', self.error(
            'migrate-convergence-1', '--project', 'x', str(uuid.uuid4())))

    def test_dry_run_is_nothing_for_the_engines(self):
        self.assertIn('--via-engines', self.error(
            'migrate-convergence-1', '--dry-run', '--via-engines', '--all'))

    def test_numbers_have_to_be_positive(self):
        for option in ('--limit', '--workers', '--max-rate'):
            exc = self.assertRaises(
                SystemExit, self.run_command, 'migrate-convergence-1',
                '--all', option, '0')
            self.assertEqual(2, exc.code)

    def test_revert_has_no_engines_to_go_to(self):
        exc = self.assertRaises(
            SystemExit, self.run_command, 'revert-convergence-1',
            '--via-engines', '--all')
        self.assertEqual(2, exc.code)

    def test_database_that_is_down(self):
        def down(*args, **kwargs):
            raise db_exception.DBConnectionError(OSError('refused'))
        self.useFixture(fixtures.MonkeyPatch(
            'heat.db.migrate_census.tally', down))
        self.assertIn('cannot be used: refused',
                      self.error('convergence-status'))


class MigrateTest(CommandTestCase):

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

    def test_old_name_of_the_command(self):
        stack_id = self.legacy()
        status, _found = self.outcomes('migrate_convergence_1', stack_id)
        self.assertEqual(0, status)
        self.assertTrue(self.is_convergence(stack_id))

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
        self.assertIn('1 stacks, 2 resources, 1 dependencies', out)
        self.assertIn('1 would be changed', out)
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
        self.assertIn('| %s' % warned, out)
        self.assertIn('before', out)
        self.assertNotIn(other, out)

    def test_event_says_why_a_stack_was_left(self):
        stack_id = self.legacy()
        stack_object.Stack.update_by_id(self.ctx, stack_id,
                                        {'user_creds_id': None})
        self.outcomes('migrate-convergence-1', stack_id, '--dry-run')
        self.assertEqual([], self.migration_events(stack_id))
        self.outcomes('migrate-convergence-1', stack_id)
        self.assertEqual(['FAILED'], self.migration_events(stack_id))

    def test_operation_in_progress_is_no_news_to_its_owner(self):
        stack_id = self.legacy()
        self.set_status(stack_id, 'IN_PROGRESS')
        self.outcomes('migrate-convergence-1', stack_id)
        self.assertEqual([], self.migration_events(stack_id))

    def migration_events(self, stack_id):
        return [event.resource_status for event in
                event_object.Event.get_all_by_stack(self.ctx, stack_id)
                if event.resource_action == 'MIGRATE']

    def test_stack_that_is_not_in_a_sane_state_does_not_stop_the_rest(self):
        busy, sane = self.legacy('busy'), self.legacy('sane')
        self.set_status(busy, 'IN_PROGRESS')
        status, out, _err = self.run_command('migrate-convergence-1', '--all')
        self.assertEqual(1, status)
        self.assertIn('Run again later', out)
        self.assertIn('\n  %s busy\n' % busy, out)
        self.assertFalse(self.is_convergence(busy))
        self.assertTrue(self.is_convergence(sane))

    def test_bug_with_one_stack_does_not_stop_the_rest(self):
        requirements = stack_graph.requirements

        def fail(context, row, label):
            if row.name == 'one':
                raise LookupError('a\nb')
            return requirements(context, row, label)
        self.useFixture(fixtures.MonkeyPatch(
            'heat.engine.stack_graph.requirements', fail))
        self.legacy('one')
        self.legacy('two')
        status, found = self.outcomes('migrate-convergence-1', '--all')
        self.assertEqual(2, status)
        self.assertEqual([('failed', 'error'), ('converted', None)],
                         [(done['outcome'], done['code']) for done in found])
        self.assertIn('LookupError came between: a b.',
                      found[0]['message'])

    def test_failing_database_does_not_show_what_was_to_be_written(self):
        def fail(context, stack_id, **kwargs):
            raise db_exception.DBError(sqlalchemy_exc.OperationalError(
                'INSERT', {'value': 'secret'}, OSError('disk\nfull')))
        self.useFixture(fixtures.MonkeyPatch(
            'heat.engine.convergence_migrate.convert', fail))
        status, found = self.outcomes('migrate-convergence-1', self.legacy())
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

    def test_nested_stack_is_refused_with_its_root(self):
        root = self.legacy('root')
        child = self.legacy('child', owner_id=root)
        status, found = self.outcomes('migrate-convergence-1', child)
        self.assertEqual((2, 'nested'), (status, found[0]['code']))
        self.assertIn(root, found[0]['message'])

    def test_stack_with_an_unknown_resource_type(self):
        stack_id = self.legacy()
        self.useFixture(fixtures.MonkeyPatch(
            'heat.engine.environment.ResourceRegistry.get_resource_info',
            self._not_found))
        status, found = self.outcomes('migrate-convergence-1', stack_id)
        self.assertEqual((2, 'unknown_resource_type'),
                         (status, found[0]['code']))
        self.assertIn('GenericResourceType', found[0]['message'])

    @staticmethod
    def _not_found(registry, resource_type, *args, **kwargs):
        raise exception.EntityNotFound(entity='Resource Type',
                                       name=resource_type)

    def test_stack_with_credentials_that_cannot_be_used(self):
        stack_id = self.legacy()
        stack_object.Stack.update_by_id(self.ctx, stack_id,
                                        {'user_creds_id': None})
        status, found = self.outcomes('migrate-convergence-1', stack_id)
        self.assertEqual((2, 'credentials'), (status, found[0]['code']))
        self.assertFalse(self.is_convergence(stack_id))


class RevertTest(CommandTestCase):

    def test_reverts_what_was_converted(self):
        stack_id = self.legacy()
        before = migrate_fixtures.rows(self.ctx, stack_id)
        self.outcomes('migrate-convergence-1', stack_id)
        status, found = self.outcomes('revert-convergence-1', '--all')
        self.assertEqual((0, [(stack_id, 'reverted')]), (
            status, [(done['id'], done['outcome']) for done in found]))
        self.assertEqual(before, migrate_fixtures.rows(self.ctx, stack_id))

    def test_legacy_stack_needs_no_revert(self):
        stack_id = self.legacy()
        status, out, _err = self.run_command('revert-convergence-1', stack_id)
        self.assertEqual(0, status)
        self.assertIn('1 legacy already', out)

    def test_dry_run_changes_nothing(self):
        stack_id = self.legacy()
        self.outcomes('migrate-convergence-1', stack_id)
        status, found = self.outcomes('revert-convergence-1', '--dry-run',
                                      stack_id)
        self.assertEqual((0, 'planned'), (status, found[0]['outcome']))
        self.assertTrue(self.is_convergence(stack_id))


class StatusTest(CommandTestCase):

    def test_table_with_versions_and_what_to_run(self):
        self.legacy()
        status, out, _err = self.run_command('convergence-status')
        self.assertEqual(0, status)
        self.assertIn('heat-convergence-migrate', out)
        self.assertRegex(out, r'on Heat \d+\.\d')
        self.assertIn('Legacy: 1 root and 0 nested stacks.', out)
        self.assertIn('heat-manage migrate-convergence-1 --all', out)

    def test_nothing_to_run_when_all_is_converted(self):
        self.legacy()
        self.outcomes('migrate-convergence-1', '--all')
        _status, out, _err = self.run_command('convergence-status')
        self.assertIn('Convergence: 1 root and 0 nested stacks.', out)
        self.assertNotIn('migrate-convergence-1 --all', out)

    def test_deep_finds_what_the_rows_do_not_tell(self):
        broken = self.legacy('broken')
        self.legacy('sane')
        self.legacy('child', owner_id=broken)
        busy = self.legacy('busy')
        self.set_status(busy, 'IN_PROGRESS')
        stack_object.Stack.update_by_id(self.ctx, broken,
                                        {'user_creds_id': None})
        expected = {('ready', 2, 1), ('in_progress', 1, 0)}
        self.assertEqual(expected, self.counts('convergence-status'))
        expected = {('ready', 1, 0), ('credentials', 1, 1),
                    ('in_progress', 1, 0)}
        self.assertEqual(expected,
                         self.counts('convergence-status', '--deep'))
        self.assertEqual(
            4, sum(tally.roots + tally.nested_legacy for tally in
                   migrate_census.tally(self.ctx)))

    def counts(self, *words):
        status, found = self.outcomes(*words)
        self.assertEqual(0, status)
        return {(tally['state'], tally['roots'], tally['nested_legacy'])
                for tally in found}


class ParserTest(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.parser = argparse.ArgumentParser()
        self.subparsers = self.parser.add_subparsers(dest='name')
        manage.add_command_parsers(self.subparsers)

    def test_commands_of_heat_are_still_there(self):
        self.assertLessEqual(
            {'db_version', 'db_sync', 'purge_deleted', 'service',
             'migrate_convergence_1', 'migrate-convergence-1',
             'revert-convergence-1', 'convergence-status'},
            set(self.subparsers.choices))

    def test_both_names_are_one_command(self):
        self.assertIs(self.subparsers.choices['migrate-convergence-1'],
                      self.subparsers.choices['migrate_convergence_1'])

    def test_help_has_examples_and_exit_statuses(self):
        for name in ('migrate-convergence-1', 'revert-convergence-1',
                     'convergence-status'):
            text = self.subparsers.choices[name].format_help()
            self.assertIn('examples:\n  heat-manage %s' % name, text)
            self.assertIn('exit status:\n  0  ', text)


class GuardTest(common.HeatTestCase):
    """Whatever ends a command, its status is not 1: that is "run again"."""

    def run_guarded(self, exc):
        def fail(args):
            raise exc
        self.useFixture(fixtures.MonkeyPatch(
            'heat.cmd.migrate.checks.log_elsewhere_than_stdout',
            lambda: None))
        err = io.StringIO()
        with fixtures.MonkeyPatch('sys.stderr', err):
            status = commands.command(fail)(None)
        return status, err.getvalue()

    def test_command_error_is_one_line(self):
        self.assertEqual((2, 'ERROR: no\n'),
                         self.run_guarded(checks.CommandError('no')))

    def test_bug_is_one_line_and_its_traceback_in_the_log(self):
        log = self.useFixture(fixtures.FakeLogger())
        self.assertEqual((2, 'ERROR: KeyError: \'x\'\n'),
                         self.run_guarded(KeyError('x')))
        self.assertIn('Traceback', log.output)
