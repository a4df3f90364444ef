# SPDX-License-Identifier: Apache-2.0

"""What plans, refusals and events say of failed stacks."""

from heat.common.migrate import exception as migrate_exception
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import events as migrate_events
from heat.tests.migrate import test_failed


class TextTest(test_failed.FailedCase):

    def refusal(self):
        return self.assertRaises(
            migrate_exception.MigrationRefused, convergence_migrate.plan,
            self.ctx, self.stack.id)

    def assert_names_the_option(self):
        """The text for the operator and the event name --failed."""
        for stack, name in ((self.stack, 'n' * 255),
                            (self.backup, 'n' * 254 + '*')):
            self.set_values(models.Stack, stack.id, name=name)
        refused = self.refusal()
        self.assertIn('--failed', str(refused))
        migrate_events.refused(self.ctx, self.row(self.stack), refused)
        event, = self.events(self.stack)
        self.assertIn('--failed', event.resource_status_reason)

    def test_it_names_the_option_for_a_failed_stack(self):
        self.set_values(models.Stack, self.stack.id, action='SNAPSHOT')
        self.assert_names_the_option()

    def test_it_names_the_option_for_a_backup_stack_in_use(self):
        self.set_values(models.Stack, self.stack.id, status='COMPLETE')
        self.add_row(self.backup, 'a')
        self.assert_names_the_option()

    def test_it_does_not_where_that_would_not_help(self):
        self.legacy({}, name='below', owner_id=self.backup.id)
        self.assertNotIn('--failed', str(self.refusal()))

    def test_the_plan_says_what_is_special(self):
        self.add_row(self.backup, 'b', 'phys-1', id=-1)
        plan = convergence_migrate.plan(self.ctx, self.stack.id, failed=True)
        self.assertIn(
            'UPDATE_FAILED: the template of the failed update is restored; '
            'b (phys-1) of the backup stack becomes the resource that b '
            'replaces; a rollback goes back to the template of the failed '
            'update', str(plan).replace('legacy is ', ''))

    def test_names_in_the_plan_are_escaped(self):
        self.set_values(models.Resource, self.resources(self.stack)['b'].id,
                        name='b\n')
        self.add_row(self.backup, 'b\n', 'phys\n1')
        for stack in (self.stack, self.backup):
            self.set_template(stack.t.id, **{'a': [], 'b\n': []})
        text = str(convergence_migrate.plan(self.ctx, self.stack.id,
                                            failed=True))
        self.assertNotIn('\n', text)
        self.assertIn(r'b\n (phys\n1) of the backup stack becomes the '
                      r'replacement of b\n', text)

    def test_the_event_of_a_root_stack_is_not_about_a_nested_one(self):
        root = self.legacy({'a': []}, name='root')
        self.set_values(models.Stack, self.stack.id, owner_id=root.id)
        self.set_values(models.Resource, self.resources(root)['a'].id,
                        physical_resource_id=self.stack.id)
        plan = convergence_migrate.plan(self.ctx, root.id, failed=True)
        self.assertIn('the template of the failed update', str(plan))
        self.assertEqual([], list(plan.for_users()))

    def test_the_event_says_what_users_need(self):
        self.convert()
        event, = self.events(self.stack)
        self.assertIn('now use the template of the failed update',
                      event.resource_status_reason)
        self.assertLess(len(event.resource_status_reason), 255)

    def test_it_does_not_call_other_templates_that(self):
        for action, words in (
                ('RESTORE', 'the template of the failed restore'),
                ('ROLLBACK', 'the template from before the failed update'),
                ('CHECK', 'the template of the last update or rollback'),
                ('SNAPSHOT', 'the template of the last update or rollback')):
            self.set_values(models.Stack, self.stack.id, action=action)
            plan = convergence_migrate.plan(self.ctx, self.stack.id,
                                            failed=True)
            self.assertIn('%s_FAILED: %s is restored; a rollback goes back to '
                          '%s' % (action, words, words), str(plan))
            self.assertEqual(
                ['Rollbacks and updates with the existing template now use '
                 + words], list(plan.for_users()))

    def test_nothing_is_said_of_a_template_that_stays_the_same(self):
        stored = self.stored_row(models.RawTemplate,
                                 self.row(self.stack).raw_template_id)
        self.set_values(
            models.RawTemplate, self.row(self.stack).prev_raw_template_id,
            **{name: getattr(stored, name)
               for name in ('template', 'environment', 'files')})
        plan = convergence_migrate.plan(self.ctx, self.stack.id, failed=True)
        self.assertTrue(str(plan).endswith('UPDATE_FAILED'), plan)
        self.assertEqual([], list(plan.for_users()))
