# SPDX-License-Identifier: Apache-2.0

"""Failed stacks that are refused."""

from oslo_utils import timeutils
from oslo_utils import uuidutils
import sqlalchemy

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import failed_check
from heat.objects import stack_lock
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import test_convergence_migrate


class FailedCase(test_convergence_migrate.MigrateTestCase):
    """A stack whose update failed, with a backup stack."""

    def setUp(self):
        super().setUp()
        self.stack = self.legacy({'a': [], 'b': ['a']})
        self.backup = self.legacy({'a': [], 'b': ['a']}, name='legacy*',
                                  owner_id=self.stack.id)
        self.execute(sqlalchemy.delete(models.Resource).where(
            models.Resource.stack_id == self.backup.id))
        self.set_values(models.Stack, self.backup.id, backup=True,
                        status='IN_PROGRESS')
        self.set_values(models.Stack, self.stack.id, action='UPDATE',
                        status='FAILED', prev_raw_template_id=self.template(
                            migrate_fixtures.template_of(
                                {'a': [], 'b': ['a'], 'c': []})))

    def template(self, template):
        return self.add(models.RawTemplate(template=template, files={},
                                           environment={}))

    def add_row(self, stack, name, physical='physical', **values):
        return self.add(models.Resource(**dict({
            'stack_id': stack.id, 'name': name, 'action': 'UPDATE',
            'status': 'COMPLETE', 'physical_resource_id': physical,
            'uuid': uuidutils.generate_uuid(), 'requires': [],
            'needed_by': [], 'root_stack_id': self.stack.id}, **values)))

    def set_template(self, template_id, **requirements):
        self.set_values(models.RawTemplate, template_id,
                        template=migrate_fixtures.template_of(requirements))

    def set_target(self, **requirements):
        self.set_template(self.row(self.stack).prev_raw_template_id,
                          **requirements)

    def resource(self, row_id):
        return self.stored_row(models.Resource, row_id)

    def convert(self):
        return convergence_migrate.convert(self.ctx, self.stack.id,
                                           failed=True)

    def edges(self):
        return self.row(self.stack).current_deps['edges']

    def backup_deleted_at(self):
        return self.stored_row(models.Stack, self.backup.id).deleted_at

    def all_rows(self):
        with db_api.context_manager.reader.using(self.ctx) as session:
            return {table.name: [tuple(row) for row in session.execute(
                table.select().order_by(*table.primary_key))]
                for table in models.BASE.metadata.sorted_tables}

    def assert_refused(self, reason, *words):
        before = self.all_rows()
        refused = self.assertRaises(reason, self.convert)
        # Not one of its subclasses, which have other remedies.
        self.assertIs(reason, type(refused))
        self.assertEqual(before, self.all_rows())
        for word in words:
            self.assertIn(word, str(refused))


class RefusedTest(FailedCase):

    def test_two_live_rows_of_one_name_in_a_backup_stack(self):
        self.add_row(self.backup, 'a', 'thing-1')
        self.add_row(self.backup, 'a', 'thing-2')
        self.assert_refused(migrate_exception.TwoInBackup, self.backup.id,
                            'a (thing-1), a (thing-2)')

    def test_rows_that_hold_nothing_do_not_count(self):
        kept = self.add_row(self.backup, 'a')
        gone = self.add_row(self.backup, 'a', action='DELETE')
        self.add_row(self.backup, 'b', None, action='INIT')
        self.convert()
        self.assertEqual(self.stack.id, self.resource(kept).stack_id)
        self.assertIsNone(self.resource(gone))

    def test_a_nested_stack_owned_by_a_backup_stack(self):
        nested = self.legacy({}, name='below', owner_id=self.backup.id)
        self.assert_refused(migrate_exception.StackInBackup, nested.id)

    def test_a_target_that_does_not_parse_or_is_missing(self):
        for target, words in ((self.template({'no': 'version'}), ()),
                              (9999, ['9999'])):
            self.set_values(models.Stack, self.stack.id,
                            prev_raw_template_id=target)
            self.assert_refused(migrate_exception.InvalidLastTemplate, *words)

    def test_a_damaged_template_where_no_row_holds_anything(self):
        self.set_values(models.Stack, self.stack.id, action='CREATE')
        for stack in (self.stack, self.backup):
            self.set_values(models.RawTemplate, stack.t.id,
                            template={'no': 'version'})
        for row in self.resources(self.stack).values():
            self.set_values(models.Resource, row.id,
                            physical_resource_id=None)
        self.assert_refused(migrate_exception.InvalidTemplate)

    def test_a_merged_template_that_does_not_parse(self):
        # No row is an orphan only because of that.
        self.set_values(models.Resource, self.resources(self.stack)['a'].id,
                        name='d', physical_resource_id='physical')
        for stack in (self.backup, self.stack):
            self.assert_refused(migrate_exception.OrphanResources, 'physical')
            self.set_values(models.RawTemplate, stack.t.id,
                            template={'no': 'version'})
        self.assert_refused(migrate_exception.InvalidMergedTemplate,
                            'template %s ' % self.stack.t.id)

    def test_that_of_a_backup_stack_with_resources(self):
        self.set_values(models.RawTemplate, self.backup.t.id,
                        template={'no': 'version'})
        self.add_row(self.backup, 'a')
        self.assert_refused(migrate_exception.InvalidMergedTemplate,
                            'template %s ' % self.backup.t.id)

    def test_that_of_a_backup_stack_without_resources_is_not_needed(self):
        self.set_values(models.RawTemplate, self.backup.t.id,
                        template={'no': 'version'})
        self.convert()

    def test_a_circle_of_replaced_resources(self):
        # By the old template b requires a, by the new one a requires b, and
        # both have been replaced.
        circle = migrate_fixtures.template_of({'a': ['b'], 'b': []})
        self.set_values(models.RawTemplate, self.stack.t.id, template=circle)
        self.set_values(
            models.RawTemplate,
            self.row(self.stack).prev_raw_template_id, template=circle)
        self.add_row(self.backup, 'a')
        self.add_row(self.backup, 'b')
        self.assert_refused(migrate_exception.CircularBackup)

    def test_a_circle_through_replaces(self):
        # The old a requires b, and b requires the new a only, because the old
        # one was never created.
        self.set_template(self.backup.t.id, a=['b'], b=[])
        self.add_row(self.backup, 'a', id=-1, action='CREATE',
                     status='FAILED')
        self.assert_refused(migrate_exception.CircularBackup)

    def lock(self):
        stack_lock.StackLock.create(self.ctx, self.stack.id, 'engine-1')

    def test_a_stack_that_is_locked(self):
        self.lock()
        self.assert_refused(migrate_exception.Locked, 'engine-1')

    def test_an_operation_whose_engine_lives(self):
        self.set_values(models.Stack, self.stack.id, status='IN_PROGRESS')
        self.lock()
        self.assert_refused(migrate_exception.InProgress)

    def test_an_operation_whose_engine_died(self):
        self.set_values(models.Stack, self.stack.id, status='IN_PROGRESS')
        self.assert_refused(migrate_exception.Interrupted, 'start any engine')

    def test_one_whose_template_keeps_engines_from_making_it_failed(self):
        self.set_values(models.Stack, self.stack.id, status='IN_PROGRESS')
        template = dict(self.stack.t.t, resources={'a': {
            'type': 'GenericResourceType', 'condition': 'new'}})
        self.set_values(models.RawTemplate, self.stack.t.id,
                        template=template)
        self.assert_refused(migrate_exception.InterruptedTemplate,
                            'Invalid condition', str(self.stack.t.id),
                            'start any engine')
        template['resources'] = {'a': {'type': 'OS::No::Plugin'}}
        self.set_values(models.RawTemplate, self.stack.t.id,
                        template=template)
        self.assert_refused(migrate_exception.UnknownResourceType)

    def test_a_create_counts_as_one_only_after_some_minutes(self):
        for action in ('CREATE', 'ADOPT'):
            self.set_values(models.Stack, self.stack.id, action=action,
                            status='IN_PROGRESS',
                            created_at=timeutils.utcnow())
            self.assert_refused(migrate_exception.InProgress, 'run the '
                                'conversion again when it has completed')
            self.set_values(
                models.Stack, self.stack.id,
                created_at=timeutils.utcnow() - failed_check.BEFORE_THE_LOCK)
            self.assert_refused(migrate_exception.Interrupted)

    def lose(self, status, owner='FAILED'):
        self.set_values(models.Stack, self.stack.id, status=owner)
        lost = self.legacy({'x': []}, name='lost', owner_id=self.stack.id)
        self.set_values(models.Stack, lost.id, status=status)
        return lost

    def test_a_nested_stack_that_an_engine_did_not_live_to_name(self):
        lost = self.lose('COMPLETE')
        for status in ('COMPLETE', 'FAILED'):
            self.set_values(models.Stack, lost.id, status=status)
            self.assert_refused(migrate_exception.UnreferencedNested, lost.id,
                                'stack delete', '--ignore-unreferenced')
        convergence_migrate.convert(self.ctx, self.stack.id, failed=True,
                                    ignore_unreferenced=True)
        self.assertTrue(self.row(self.stack).convergence)
        self.assertFalse(self.row(lost).convergence)

    def test_the_innermost_is_to_be_deleted_first(self):
        # Nothing would delete it together with the other.
        outer = self.lose('FAILED')
        inner = self.legacy({'x': []}, name='inner', owner_id=outer.id)
        self.set_values(models.Stack, inner.id, status='FAILED')
        self.assert_refused(migrate_exception.UnreferencedNested,
                            'the nested stack inner (%s)' % inner.id)

    def test_once_deleted_it_is_no_obstacle(self):
        lost = self.lose('COMPLETE')
        self.set_values(models.Stack, lost.id,
                        deleted_at=self.row(self.stack).created_at)
        self.convert()

    def test_one_that_a_complete_owner_retains_is_converted(self):
        self.add_row(self.backup, 'a')
        retained = self.lose('COMPLETE', owner='COMPLETE')
        self.convert()
        self.assertTrue(self.row(retained).convergence)

    def test_a_state_that_heat_does_not_know(self):
        self.set_values(models.Stack, self.stack.id, action='SING')
        self.assert_refused(migrate_exception.NotComplete)

    def test_a_resource_that_no_template_names(self):
        self.add_row(self.stack, 'stray')
        self.assert_refused(migrate_exception.OrphanResources, 'stray')


class MixedTest(FailedCase):
    """A convergence stack with a backup stack, and a legacy child."""

    def setUp(self):
        super().setUp()
        self.set_values(models.Stack, self.stack.id, convergence=True,
                        status='COMPLETE', current_traversal='traversal')
        self.child = self.legacy({'c': []}, name='child',
                                 owner_id=self.stack.id)
        self.set_values(models.Stack, self.child.id, action='UPDATE',
                        status='FAILED')
        self.set_values(models.Resource, self.resources(self.stack)['a'].id,
                        physical_resource_id=self.child.id)

    def test_a_backup_stack_in_use_of_a_convergence_stack_is_refused(self):
        self.add_row(self.backup, 'a', 'phys-1')
        self.assert_refused(migrate_exception.ConvergedBackup,
                            self.backup.id, 'phys-1')

    def test_a_convergence_operation_in_progress_needs_no_lock(self):
        self.set_values(models.Stack, self.stack.id, status='IN_PROGRESS')
        self.assert_refused(migrate_exception.InProgress)

    def test_without_the_option_the_same_reason_is_given(self):
        self.add_row(self.backup, 'a')
        self.assertRaises(migrate_exception.ConvergedBackup,
                          convergence_migrate.plan, self.ctx, self.stack.id)

    def test_a_revert_gives_the_same_reason_and_its_remedy_helps(self):
        self.set_values(models.Stack, self.child.id, convergence=True,
                        status='COMPLETE')
        row = self.add_row(self.backup, 'a')
        self.assertRaises(migrate_exception.ConvergedBackup,
                          convergence_migrate.plan_revert, self.ctx,
                          self.stack.id)
        self.set_values(models.Resource, row, action='DELETE')
        self.assertTrue(convergence_migrate.plan_revert(
            self.ctx, self.stack.id).changed)

    def test_a_convergence_tree_with_one_can_be_verified(self):
        self.add_row(self.backup, 'a')
        self.set_values(models.Stack, self.child.id, convergence=True)
        findings, _plan = convergence_migrate.verify(self.ctx, self.stack.id)
        self.assertTrue(findings)

    def test_a_backup_stack_with_rows_stays_if_its_owner_does(self):
        self.add_row(self.backup, 'a', action='DELETE')
        self.convert()
        self.assertTrue(self.row(self.child).convergence)
        self.assertIsNone(self.backup_deleted_at())

    def test_one_without_rows_is_deleted(self):
        self.convert()
        self.assertIsNotNone(self.backup_deleted_at())

    def test_what_the_convergence_stack_lacks_is_filled_in(self):
        self.convert()
        rows = self.resources(self.stack)
        self.assertEqual([rows['a'].id], rows['b'].requires)
        self.assertEqual({'edges': [
            [[rows['b'].id, True], [rows['a'].id, True]]]},
            self.row(self.stack).current_deps)
