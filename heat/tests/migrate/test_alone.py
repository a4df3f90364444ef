# SPDX-License-Identifier: Apache-2.0

"""A stack without nested stacks converts in one transaction."""

import fixtures
from oslo_utils import uuidutils

from heat.common.migrate import exception as migrate_exception
from heat.db.migrate import write as migrate_write
from heat.db.migrate import write_rows
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import convergence_migrate_alone
from heat.objects import stack_lock
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import statements
from heat.tests.migrate import test_convergence_migrate
from heat.tests.migrate import test_deadline


class AloneTestCase(test_convergence_migrate.MigrateTestCase):

    def setUp(self):
        super().setUp()
        self.stack = self.legacy(migrate_fixtures.TEMPLATES['diamond'])

    def alone(self, stack_id=None):
        """Convert it alone; returns the plan, and what was read."""
        return convergence_migrate_alone.convert(
            self.ctx, stack_id or self.stack.id, True, None, 'in a test')


class LeftTest(AloneTestCase):
    """These are left unchanged, without a lock."""

    def assertLeft(self, read=True):
        """It is left; if it was read, it need not be read again."""
        before, lock = self.rows(self.stack), self.locked_by(self.stack)
        plan, found = self.alone()
        self.assertIsNone(plan)
        self.assertEqual(read, found is not None)
        self.assertEqual(before, self.rows(self.stack))
        self.assertEqual(lock, self.locked_by(self.stack))
        self.assertEqual([], self.events(self.stack))
        return found

    def test_one_that_is_locked(self):
        stack_lock.StackLock.create(self.ctx, self.stack.id, 'engine')
        self.assertLeft(read=False)

    def test_one_that_failed_or_is_in_progress(self):
        for status in ('FAILED', 'IN_PROGRESS'):
            self.set_values(models.Stack, self.stack.id, status=status)
            self.assertLeft()

    def test_one_with_a_nested_stack(self):
        child = self.legacy({'a': []}, name='child', owner_id=self.stack.id)
        stack_lock.StackLock.create(self.ctx, child.id, 'engine')
        _tree, locks = self.assertLeft()
        self.assertEqual({child.id: 'engine'}, locks)

    def test_a_nested_one(self):
        child = self.legacy({'a': []}, name='child', owner_id=self.stack.id)
        self.assertIsNone(self.alone(child.id)[0])
        self.assertFalse(self.row(child).convergence)

    def test_one_that_is_large(self):
        for limit, value in (('RESOURCES', 3), ('CHARACTERS', 99)):
            with fixtures.MockPatchObject(convergence_migrate_alone, limit,
                                          value):
                self.assertLeft()

    def test_one_whose_plug_ins_add_dependencies(self):
        """They may call a service, so they are not asked under the lock."""
        asked = []
        self.useFixture(fixtures.MonkeyPatch(
            'heat.tests.generic_resource.GenericResource.add_dependencies',
            lambda *args: asked.append(args)))
        self.assertLeft()
        self.assertEqual([], asked)

    def test_an_id_of_no_stack_and_no_id_which_is_not_even_inserted(self):
        self.assertEqual((None, None), self.alone(uuidutils.generate_uuid()))
        with statements.Statements() as sent:
            for text in ('none', 'x' * 300, '\N{GRINNING FACE}',
                         'urn:uuid:' + uuidutils.generate_uuid()):
                self.assertEqual((None, None), self.alone(text))
        self.assertEqual([], sent.texts)


class WriteTest(AloneTestCase):

    def test_the_rows_are_those_of_a_stack_that_is_planned_first(self):
        other = self.legacy(migrate_fixtures.TEMPLATES['diamond'],
                            name='other')
        convergence_migrate.apply(
            self.ctx, convergence_migrate.plan(self.ctx, other.id))
        self.alone()

        def described(stack):
            rows = self.resources(stack)
            names = {row.id: name for name, row in rows.items()}
            return {name: ([names[key] for key in row.requires],
                           [names[key] for key in row.needed_by],
                           row.current_template_id ==
                           self.row(stack).raw_template_id)
                    for name, row in rows.items()}

        self.assertEqual(described(other), described(self.stack))

    def test_what_was_read_is_not_read_again(self):
        self.legacy({'a': []}, name='child', owner_id=self.stack.id)
        with statements.Statements() as sent:
            convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertEqual(
            ['INSERT', 'WITH', 'SELECT', 'SELECT',
             'INSERT', 'WITH', 'SELECT', 'SELECT', 'UPDATE'],
            [text.split()[0] for text in sent.texts][:9])

    def test_a_refusal_is_raised_and_leaves_no_lock(self):
        self.set_values(models.Resource, self.resources(self.stack)['a'].id,
                        name='other', physical_resource_id='thing')
        self.assertRaises(migrate_exception.OrphanResources, self.alone)
        self.assertIsNone(self.locked_by(self.stack))

    def test_a_traversal_that_begins_meanwhile_is_not_overwritten(self):
        write_stacks = write_rows.write_stacks

        def overtaken(session, plans):
            session.execute(models.Stack.__table__.update().values(
                current_traversal='newer'))
            write_stacks(session, plans)

        with fixtures.MockPatchObject(write_rows, 'write_stacks', overtaken):
            self.assertRaises(migrate_exception.TreeChanged, self.alone)
        self.assertFalse(self.row(self.stack).convergence)

    def test_convert_plans_it_again_if_it_has_changed(self):
        write = migrate_write._write_locked

        def changed(*args):
            migrate_write._write_locked = write
            raise migrate_exception.TreeChanged(stack='it')

        with fixtures.MockPatchObject(migrate_write, '_write_locked', changed):
            plan = convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertFalse(plan.nothing_to_do)
        self.assertTrue(self.row(self.stack).convergence)


class CommitTest(test_deadline.CommitTest):
    """The connection breaks while the server commits such a conversion."""

    function = '_write_locked'

    def apply(self):
        plan = convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertFalse(plan.nothing_to_do)
