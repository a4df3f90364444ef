# SPDX-License-Identifier: Apache-2.0

"""The rows of a failed stack after its conversion."""

import json

import sqlalchemy

from heat.db import api as db_api
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import failed
from heat.tests import generic_resource
from heat.tests.migrate import statements
from heat.tests.migrate import test_failed


class WrittenTest(test_failed.FailedCase):

    def test_the_template_of_the_failed_update_is_restored(self):
        before = self.row(self.stack)
        self.convert()
        after = self.row(self.stack)
        self.assertEqual(before.prev_raw_template_id, after.raw_template_id)
        self.assertIsNone(after.prev_raw_template_id)
        self.assertTrue(after.convergence)
        self.assertEqual(
            ('UPDATE', 'FAILED', before.status_reason, before.updated_at),
            (after.action, after.status, after.status_reason,
             after.updated_at))

    def test_a_stack_that_was_never_updated_keeps_its_template(self):
        self.set_values(models.Stack, self.stack.id, action='ROLLBACK',
                        prev_raw_template_id=None)
        before = self.row(self.stack).raw_template_id
        self.convert()
        self.assertEqual(before, self.row(self.stack).raw_template_id)

    def test_the_backup_stack_is_deleted(self):
        self.add_row(self.backup, 'a')
        self.convert()
        self.assertIsNotNone(self.backup_deleted_at())

    def test_rows_that_are_up_to_its_template_get_a_copy(self):
        old = self.add_row(self.backup, 'a')
        self.convert()
        copy = self.resource(old).current_template_id
        with db_api.context_manager.reader.using(self.ctx) as session:
            used = session.execute(sqlalchemy.select(
                models.Stack.id).where(models.Stack.raw_template_id == copy))
            self.assertEqual([], used.all())
        self.assertEqual(self.backup.t.t, self.stored_row(
            models.RawTemplate, copy).template)

    def test_no_statement_has_values_of_a_copied_template(self):
        # The error of a statement would quote them.
        self.add_row(self.backup, 'a')
        with statements.Statements() as sent:
            self.convert()
        self.assertIn('INSERT INTO raw_template', ' '.join(sent.texts))
        self.assertNotIn('heat_template_version', repr(sent.parameters))

    def test_the_merged_template_goes_when_no_row_is_up_to_it(self):
        merged = self.row(self.stack).raw_template_id
        self.convert()
        self.assertIsNone(self.stored_row(models.RawTemplate, merged))

    def test_a_row_in_progress_becomes_failed(self):
        row_id = self.resources(self.stack)['a'].id
        self.set_values(models.Resource, row_id, action='UPDATE',
                        status='IN_PROGRESS')
        self.convert()
        row = self.resource(row_id)
        self.assertEqual(('UPDATE', 'FAILED'), (row.action, row.status))
        self.assertIn('engine went down', row.status_reason)

    def test_replaced_and_replacement_name_each_other(self):
        older = self.add_row(self.backup, 'a', id=-1)
        newer = self.resources(self.stack)['a'].id
        self.assertLess(older, newer)
        self.convert()
        self.assertEqual(older, self.resource(newer).replaces)
        self.assertEqual(newer, self.resource(older).replaced_by)

    def test_a_row_of_the_backup_stack_without_content_is_no_original(self):
        # Only the template of the last update names it.
        for stack in (self.stack, self.backup):
            self.set_template(stack.t.id, b=[])
        old = self.add_row(self.backup, 'a', None, action='CREATE',
                           status='FAILED', id=-1)
        self.convert()
        rows = self.resources(self.stack)
        self.assertIsNone(self.resource(old))
        self.assertIsNone(rows['a'].replaces)
        self.assertNotIn(str(old), json.dumps(
            self.row(self.stack).current_deps))

    def test_after_a_swap_only_the_newer_names_the_other(self):
        newer = self.add_row(self.backup, 'a')
        older = self.resources(self.stack)['a'].id
        self.convert()
        self.assertEqual(older, self.resource(newer).replaces)
        self.assertIsNone(self.resource(older).replaced_by)

    def update_b(self, reason='state changed'):
        """Let b be UPDATE_COMPLETE, without its definition of the target."""
        self.set_target(a=[], b=[])
        self.b_id = self.resources(self.stack)['b'].id
        self.set_values(models.Resource, self.b_id, action='UPDATE',
                        status_reason=reason)

    def add_start(self):
        self.add_event('IN_PROGRESS', resource_action='UPDATE',
                       resource_name=self.stack.name,
                       physical_resource_id=self.stack.id)

    def add_update_of(self, name):
        self.add_event('IN_PROGRESS', resource_name=name,
                       resource_action='UPDATE')

    def assert_b_is_up_to_the_target(self, expected):
        target_id = self.row(self.stack).prev_raw_template_id
        self.convert()
        self.assertEqual(
            expected,
            self.resource(self.b_id).current_template_id == target_id)

    def test_what_the_last_update_has_updated_is_up_to_the_target(self):
        # The engine died before it stored the new definition.
        self.update_b()
        self.add_start()
        self.add_update_of('b')
        self.assert_b_is_up_to_the_target(True)

    def test_what_only_an_earlier_update_has_updated_is_not(self):
        self.update_b()
        self.add_update_of('b')
        self.add_start()
        self.add_update_of('a')
        self.assert_b_is_up_to_the_target(False)

    def test_what_the_last_update_was_to_replace_is_not(self):
        self.update_b('The Resource b requires replacement.')
        self.add_start()
        self.add_update_of('b')
        self.assert_b_is_up_to_the_target(False)

    def test_without_an_event_of_the_stack_it_is_not(self):
        self.execute(sqlalchemy.delete(models.Event))
        self.update_b()
        self.add_update_of('b')
        self.assert_b_is_up_to_the_target(False)

    def test_events_are_read_only_if_a_row_may_be_up_to_the_target(self):
        row_id = self.resources(self.stack)['b'].id
        for of_stack, of_row, count in (
                ('UPDATE', 'UPDATE', 1), ('UPDATE', 'CREATE', 0),
                ('CHECK', 'UPDATE', 0)):
            self.set_values(models.Stack, self.stack.id, action=of_stack)
            self.set_values(models.Resource, row_id, action=of_row)
            with statements.Statements() as sent:
                convergence_migrate.plan(self.ctx, self.stack.id, failed=True)
            self.assertEqual(
                count, sum('FROM event' in text for text in sent.texts))

    def assert_replaced(self, status, physical='physical'):
        """Convert, and check what the row of a replaced resource became."""
        row_id = self.add_row(self.backup, 'a', physical, id=-1)
        self.convert()
        row = self.resource(row_id)
        self.assertEqual(('UPDATE', status), (row.action, row.status))
        self.assertEqual(status == 'FAILED',
                         row.status_reason == failed.NOT_COMPLETE)

    def add_event(self, status, stack=None, **values):
        self.add(models.Event(**dict({
            'stack_id': (stack or self.stack).id, 'resource_name': 'a',
            'physical_resource_id': 'physical', 'resource_action': 'CREATE',
            'resource_status': status}, **values)))

    def test_what_was_complete_when_it_was_replaced_stays_so(self):
        self.add_event('FAILED')
        self.add_event('COMPLETE', resource_action='UPDATE')
        self.assert_replaced('COMPLETE')

    def test_what_had_failed_becomes_failed(self):
        self.add_event('COMPLETE')
        self.add_event('FAILED', resource_action='CHECK')
        # The legacy engine moves it, and says this then.
        self.add_event('COMPLETE', self.backup, resource_action='UPDATE')
        self.assert_replaced('FAILED')

    def test_what_has_no_event_stays_so(self):
        # A rollback would destroy it. Heat deletes old events.
        self.add_event('FAILED', resource_name='b')
        self.add_event('FAILED', physical_resource_id='newer')
        self.assert_replaced('COMPLETE')

    def test_what_has_no_physical_id_becomes_failed(self):
        self.add_event('COMPLETE', physical_resource_id=None)
        self.assert_replaced('FAILED', physical=None)

    def test_a_replacement_that_was_swapped_out_keeps_its_state(self):
        newer = self.add_row(self.backup, 'a', action='CREATE')
        self.convert()
        self.assertEqual('COMPLETE', self.resource(newer).status)

    def test_a_failed_row_does_not_claim_the_target(self):
        row_id = self.resources(self.stack)['a'].id
        self.set_values(models.Resource, row_id, status='FAILED')
        self.convert()
        self.assertNotEqual(self.row(self.stack).raw_template_id,
                            self.resource(row_id).current_template_id)

    def test_of_two_rows_of_a_name_the_one_without_a_resource_goes(self):
        row_id = self.resources(self.stack)['a'].id
        self.set_values(models.Resource, row_id,
                        physical_resource_id='physical')
        empty = self.add_row(self.stack, 'a', None, action='CREATE',
                             status='FAILED')
        self.convert()
        self.assertIsNone(self.resource(empty))
        self.assertIsNotNone(self.resource(row_id))

    def test_a_stack_without_rows_needs_no_template(self):
        # Its credentials may be gone: a delete removes them last.
        self.execute(sqlalchemy.delete(models.Resource))
        self.set_values(models.Stack, self.stack.id, action='DELETE')
        self.set_values(models.RawTemplate, self.stack.t.id,
                        template={'no': 'version'})
        self.convert()
        self.assertTrue(self.row(self.stack).convergence)

    def test_the_next_operation_stores_what_was_never_created(self):
        row_id = self.resources(self.stack)['b'].id
        self.set_values(models.Resource, row_id, action='INIT',
                        physical_resource_id=None)
        self.convert()
        self.assertIsNone(self.resource(row_id))

    def test_verify_finds_that_the_graph_is_missing(self):
        self.convert()
        self.set_values(models.Stack, self.stack.id,
                        current_deps=sqlalchemy.null())
        findings, _plan = convergence_migrate.verify(self.ctx, self.stack.id)
        self.assertEqual(['current_deps'],
                         [finding.column for finding in findings])


class TakenBackTest(test_failed.FailedCase):
    """The original of a failed rollback, whose replacement is in use."""

    def setUp(self):
        super().setUp()
        self.set_values(models.Stack, self.stack.id, action='ROLLBACK')
        self.original = self.add_row(self.backup, 'a', id=-1)
        self.replacement = self.resources(self.stack)['a'].id

    def up_to_the_target(self):
        target_id = self.row(self.stack).raw_template_id
        return [self.resource(row_id).current_template_id == target_id
                for row_id in (self.original, self.replacement)]

    def test_only_the_original_is_up_to_the_template_of_the_stack(self):
        self.convert()
        self.assertEqual([True, False], self.up_to_the_target())
        self.assertEqual('COMPLETE', self.resource(self.original).status)

    def test_the_next_update_begins_with_the_original(self):
        self.convert()
        nodes = [node for edge in self.edges() for node in edge]
        self.assertIn([self.original, True], nodes)
        self.assertNotIn([self.replacement, True], nodes)

    def test_after_a_failed_update_it_is_not(self):
        self.set_values(models.Stack, self.stack.id, action='UPDATE')
        self.convert()
        self.assertEqual([False, True], self.up_to_the_target())

    def test_an_original_that_has_given_something_away_is_not(self):
        self.patchobject(generic_resource.GenericResource,
                         'prepare_for_replace')
        self.convert()
        row = self.resource(self.original)
        self.assertEqual(('FAILED', failed.GIVEN_AWAY),
                         (row.status, row.status_reason))
        self.assertEqual([False, True], self.up_to_the_target())
