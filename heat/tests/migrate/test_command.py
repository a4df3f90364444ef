# SPDX-License-Identifier: Apache-2.0

import uuid

import fixtures
from oslo_db import exception as db_exception
from sqlalchemy import exc as sqlalchemy_exc

from heat.common import exception
from heat.engine.migrate import graph as migrate_graph
from heat.objects import event as event_object
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
        requirements = migrate_graph.requirements

        def fail(context, row, label):
            if row.name == 'one':
                raise LookupError('a\nb')
            return requirements(context, row, label)
        self.useFixture(fixtures.MonkeyPatch(
            'heat.engine.migrate.graph.requirements', fail))
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


class RevertTest(case.CommandTestCase):

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
