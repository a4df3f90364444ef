# SPDX-License-Identifier: Apache-2.0

"""The checks of the writing transaction, statement by statement."""

from unittest import mock

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db.migrate import write as migrate_write
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import template
from heat.objects import snapshot as snapshot_object
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import test_convergence_migrate
from heat.tests import releases


class MeanwhileTest(test_convergence_migrate.MigrateTestCase):
    """Something changes after the tree was read a second time.

    Databases allow that below the isolation level SERIALIZABLE.
    """

    def setUp(self):
        super().setUp()
        self.stack = self.legacy({'a': [], 'b': ['a']})

    def assertRefused(self, model, **values):
        """Change the rows of a model, or delete them; nothing is written."""
        plan = convergence_migrate.plan(self.ctx, self.stack.id)
        before = self.rows(self.stack)
        read = migrate_write.migrate_tree.read_many

        def read_and_change(session, stack_ids):
            trees = read(session, stack_ids)
            table = model.__table__
            session.execute(table.update().values(values) if values
                            else table.delete())
            return trees

        with mock.patch.object(migrate_write.migrate_tree, 'read_many',
                               read_and_change):
            self.assertRaises(migrate_exception.TreeChanged,
                              convergence_migrate.apply, self.ctx, plan)
        self.assertEqual(before, self.rows(self.stack))
        self.assertEqual([], self.events(self.stack))

    def test_rows_have_changed_or_are_gone(self):
        for model, values in (
                (models.Stack, {'current_traversal': 'newer'}),
                (models.Stack, {'status': 'FAILED'}),
                (models.Resource, {}),
                (models.StackLock, {'engine_id': 'another'}),
                (models.StackLock, {})):
            self.assertRefused(model, **values)

    @releases.by_resource
    def test_a_snapshot_without_data_is_gone(self):
        self._add_snapshot(status='FAILED')
        self.assertRefused(models.Snapshot)

    def test_an_interrupted_snapshot_is_gone(self):
        self._add_snapshot(status='IN_PROGRESS', data={'resources': {}})
        self.assertRefused(models.Snapshot)

    def _add_snapshot(self, **values):
        snapshot_object.Snapshot.create(self.ctx, dict({
            'stack_id': self.stack.id, 'name': 'daily', 'data': None,
            'tenant': self.ctx.project_id, 'action': 'CREATE'}, **values))


class PreviousTemplateTest(test_convergence_migrate.MigrateTestCase):
    """The previous template is deleted if nothing uses it."""

    def setUp(self):
        super().setUp()
        self.stack = self.legacy({'a': []})
        self.other = self.legacy({'b': []}, name='other')
        self.previous = template.Template(migrate_fixtures.template_of({}),
                                          files={'file': 'content'})
        self.previous.store(self.ctx)
        self.set_values(models.Stack, self.stack.id,
                        prev_raw_template_id=self.previous.id)

    def left(self):
        """Whether the template and its files still exist."""
        convergence_migrate.convert(self.ctx, self.stack.id)
        with db_api.context_manager.reader.using(self.ctx) as session:
            return (session.get(models.RawTemplate,
                                self.previous.id) is not None,
                    session.query(models.RawTemplateFiles).count() > 0)

    def test_it_goes_with_its_files(self):
        self.assertEqual((False, False), self.left())
        self.assertIsNone(self.row(self.stack).prev_raw_template_id)

    def test_one_that_another_stack_has_now_stays(self):
        self.set_values(models.Stack, self.other.id,
                        raw_template_id=self.previous.id)
        self.assertEqual((True, True), self.left())

    def test_one_that_is_the_previous_one_of_another_stack_stays(self):
        self.set_values(models.Stack, self.other.id,
                        prev_raw_template_id=self.previous.id)
        self.assertEqual((True, True), self.left())

    def test_one_that_a_resource_was_last_brought_up_to_stays(self):
        self.set_values(models.Resource, self.resources(self.other)['b'].id,
                        current_template_id=self.previous.id)
        self.assertEqual((True, True), self.left())

    def test_files_that_another_template_uses_stay(self):
        self.set_values(models.RawTemplate, self.other.t.id,
                        files_id=self.previous.files.files_id)
        self.assertEqual((False, True), self.left())

    def test_several_go_at_once(self):
        child = self.legacy({}, name='child', owner_id=self.stack.id)
        second = template.Template(migrate_fixtures.template_of({'c': []}))
        second.store(self.ctx)
        self.set_values(models.Stack, child.id,
                        prev_raw_template_id=second.id)
        self.assertEqual((False, False), self.left())
        self.assertIsNone(self.stored_row(models.RawTemplate, second.id))
