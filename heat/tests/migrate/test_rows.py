# SPDX-License-Identifier: Apache-2.0

"""The conversion of rows that legacy Heat can leave behind."""

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db import models
from heat.engine import convergence_migrate
from heat.objects import resource as resource_object
from heat.objects import stack as stack_object
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import test_convergence_migrate


class RowsTestCase(test_convergence_migrate.MigrateTestCase):

    def add_row(self, stack, name, physical_id=None, **values):
        """Add a resource row that no present engine would write."""
        return resource_object.Resource.create(self.ctx, dict({
            'stack_id': stack.id, 'name': name, 'action': 'CREATE',
            'status': 'COMPLETE', 'physical_resource_id': physical_id,
        }, **values)).id

    def names(self, stack):
        return {row['id']: row['name'] for row in self.rows(stack)['resource']}

    def exists(self, model, row_id):
        return self.stored_row(model, row_id) is not None


class OrphanTest(RowsTestCase):
    """Rows that the template of their stack does not name."""

    def setUp(self):
        super().setUp()
        self.stack = self.legacy({'a': []})

    def test_one_that_holds_nothing_is_deleted_and_named(self):
        row_id = self.add_row(self.stack, 'gone')
        self.add_row(self.stack, 'deleted', 'physical', action='DELETE')
        plan = convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertEqual(['a'], list(self.names(self.stack).values()))
        self.assertEqual({'gone', 'deleted'}, set(plan.dropped))
        self.assertFalse(self.exists(models.Resource, row_id))
        self.assertRegex(str(plan), 'will be deleted: .*gone')
        self.assertRegex(self.LOG.output, 'held nothing: .*gone')

    def test_its_data_and_attributes_go_with_it_and_no_others(self):
        kept, gone = [db_api.resource_prop_data_create(
            self.ctx, {'data': {'key': 'value'}, 'encrypted': False}).id
            for _ in range(2)]
        row_id = self.add_row(self.stack, 'gone')
        self.set_values(models.Resource, row_id, attr_data_id=gone)
        self.set_values(models.Resource, self.resources(self.stack)['a'].id,
                        attr_data_id=kept)
        self.add(models.ResourceData(resource_id=row_id, key='key',
                                     value='value'))
        convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertEqual([True, False], [
            self.exists(models.ResourcePropertiesData, data_id)
            for data_id in (kept, gone)])
        with db_api.context_manager.reader.using(self.ctx) as session:
            self.assertEqual(0, session.query(models.ResourceData).count())

    def test_one_with_a_physical_id_is_refused_and_named(self):
        row_id = self.add_row(self.stack, 'lost', 'physical')
        # Also if its deletion failed.
        for action, status in (('CREATE', 'COMPLETE'), ('DELETE', 'FAILED')):
            self.set_values(models.Resource, row_id, action=action,
                            status=status)
            self.assertIn('lost (physical)', str(self.refused(
                self.stack, migrate_exception.OrphanResources)))

    def test_one_below_the_root_is_refused_for_the_whole_tree(self):
        child = self.legacy({'b': []}, name='child', owner_id=self.stack.id)
        self.add_row(child, 'lost', 'physical')
        self.assertIn(child.id, str(self.refused(
            self.stack, migrate_exception.OrphanResources)))


class SameNameTest(RowsTestCase):
    """Two rows for one name, as a crash can leave them."""

    def setUp(self):
        super().setUp()
        self.stack = self.legacy({'a': []})
        self.first = self.resources(self.stack)['a'].id

    def set_first(self, **values):
        self.set_values(models.Resource, self.first, **values)

    def test_the_one_that_is_kept(self):
        # What the first holds, what the second holds, its other columns.
        for first, second, values, kept in (
                ('physical', None, {}, 0), (None, 'physical', {}, 1),
                # Of two without a physical resource the later one.
                (None, None, {}, 1),
                ('physical', 'deleted', {'action': 'DELETE'}, 0)):
            self.stack = self.legacy({'a': []}, name='%s-%s' % (first, second))
            self.first = self.resources(self.stack)['a'].id
            self.set_first(physical_resource_id=first)
            rows = self.first, self.add_row(self.stack, 'a', second, **values)
            convergence_migrate.convert(self.ctx, self.stack.id)
            self.assertEqual([rows[kept]], list(self.names(self.stack)))

    def test_two_with_physical_resources_are_refused(self):
        self.set_first(physical_resource_id='one')
        self.add_row(self.stack, 'a', 'other')
        self.assertIn('a (one)', str(self.refused(
            self.stack, migrate_exception.OrphanResources)))

    def test_only_a_deleted_one_is_none(self):
        self.set_first(action='DELETE')
        self.refused(self.stack, migrate_exception.MissingResources)


class BackupTest(RowsTestCase):
    """The backup stack of an update that never ended."""

    def setUp(self):
        super().setUp()
        self.stack = self.legacy({'a': []})
        self.backup = self.legacy({}, name='legacy*', owner_id=self.stack.id)
        self.set_values(models.Stack, self.backup.id, backup=True,
                        status='FAILED')

    def test_an_empty_one_is_deleted_and_not_converted(self):
        plan = convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertEqual((self.backup.id,), plan.empty_backups)
        self.assertIn(self.backup.id, str(plan))
        self.assertIsNone(stack_object.Stack.get_by_id(
            self.ctx, self.backup.id, show_deleted=False))
        self.assertFalse(self.stored_row(models.Stack,
                                         self.backup.id).convergence)

    def test_one_of_a_convergence_stack_is_left_to_heat(self):
        self.set_values(models.Stack, self.stack.id, convergence=True)
        plan = convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertTrue(plan.nothing_to_do)
        self.assertEqual((), plan.empty_backups)

    def test_one_that_is_gone_meanwhile_is_found(self):
        plan = convergence_migrate.plan(self.ctx, self.stack.id)
        stack_object.Stack.delete(self.ctx, self.backup.id)
        self.assertRaises(migrate_exception.TreeChanged,
                          convergence_migrate.apply, self.ctx, plan)

    def test_one_with_a_resource_is_refused(self):
        self.add_row(self.backup, 'old', 'physical')
        self.assertIn(self.backup.id, str(self.refused(
            self.stack, migrate_exception.BackupResources)))

    def test_one_with_a_nested_stack_is_refused(self):
        self.legacy({}, name='below', owner_id=self.backup.id)
        self.refused(self.stack, migrate_exception.BackupResources)


class MixedTreeTest(RowsTestCase):
    """Trees that are partly convergence."""

    scenarios = [
        ('a legacy leaf', {'converted': ('root', 'middle')}),
        ('a legacy root', {'converted': ('middle', 'leaf')}),
        ('a legacy stack between two', {'converted': ('root', 'leaf')}),
        ('a convergence stack between two', {'converted': ('middle',)})]

    def test_is_finished(self):
        stacks, owner = {}, None
        for name in ('root', 'middle', 'leaf'):
            stacks[name] = self.legacy({'a': []}, name=name, owner_id=owner)
            owner = stacks[name].id
        for name in self.converted:
            self.set_values(models.Stack, stacks[name].id, convergence=True,
                            current_traversal='before')
        convergence_migrate.convert(self.ctx, stacks['root'].id)
        for name, stack in stacks.items():
            row = self.row(stack)
            self.assertTrue(row.convergence)
            self.assertEqual(name in self.converted,
                             row.current_traversal == 'before')


class StateTest(RowsTestCase):
    """Every COMPLETE state of a stack."""

    scenarios = [(action, {'action': action}) for action in (
        'ADOPT', 'CHECK', 'CREATE', 'RESTORE', 'RESUME', 'ROLLBACK',
        'SNAPSHOT', 'SUSPEND', 'UPDATE')]

    def test_the_state_of_stack_and_resources_stays(self):
        stack = self.legacy({'a': []})
        a = self.resources(stack)['a'].id
        self.set_values(models.Stack, stack.id, action=self.action)
        self.set_values(models.Resource, a, action=self.action)
        convergence_migrate.convert(self.ctx, stack.id)
        self.assertEqual(
            [(self.action, 'COMPLETE')] * 2,
            [(row.action, row.status)
             for row in (self.row(stack), self.resources(stack)['a'])])


class ResourceStateTest(RowsTestCase):

    def setUp(self):
        super().setUp()
        self.stack = self.legacy({'a': []})
        self.a = self.resources(self.stack)['a'].id

    def test_the_state_of_a_resource_stays(self):
        # It is unhealthy, or still to be created.
        for action, status in (('CHECK', 'FAILED'), ('INIT', 'COMPLETE')):
            self.set_values(models.Resource, self.a, action=action,
                            status=status, physical_resource_id=None)
            convergence_migrate.convert(self.ctx, self.stack.id)
            row = self.resources(self.stack)['a']
            self.assertEqual((action, status), (row.action, row.status))
            self.set_values(models.Stack, self.stack.id, convergence=False)

    def test_the_engine_that_a_legacy_row_names_is_cleared(self):
        self.set_values(models.Resource, self.a, engine_id='engine-1')
        convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertIsNone(self.resources(self.stack)['a'].engine_id)

    def test_one_of_convergence_that_an_engine_holds_is_refused(self):
        convergence_migrate.convert(self.ctx, self.stack.id)
        self.set_values(models.Resource, self.a, engine_id='engine-1')
        self.refused(self.stack, migrate_exception.ResourceInProgress,
                     convergence_migrate.revert)


class ConditionTest(RowsTestCase):

    def setUp(self):
        super().setUp()
        snippet = migrate_fixtures.template_of({'a': [], 'b': ['a']})
        snippet['conditions'] = {'never': False}
        snippet['resources']['a']['condition'] = 'never'
        self.stack = migrate_fixtures.create_legacy(self.ctx, snippet)

    def test_who_depends_on_a_disabled_resource_requires_nothing(self):
        convergence_migrate.convert(self.ctx, self.stack.id)
        rows = self.resources(self.stack)
        self.assertEqual({'b': []}, {name: row.requires
                                     for name, row in rows.items()})

    def test_a_physical_resource_that_is_disabled_is_refused(self):
        self.add_row(self.stack, 'a', 'physical')
        self.refused(self.stack, migrate_exception.OrphanResources)


class OldRowsTest(RowsTestCase):
    """Columns that a very old Heat lacked are NULL."""

    def setUp(self):
        super().setUp()
        self.stack = self.legacy({'a': [], 'b': ['a']})
        self.child = self.legacy({'c': []}, name='child',
                                 owner_id=self.stack.id)
        for stack in (self.stack, self.child):
            self.set_values(models.Stack, stack.id, convergence=None,
                            backup=None, nested_depth=None, username=None,
                            timeout=None, current_traversal=None,
                            parent_resource_name=None, user_creds_id=None)
        self.execute(models.Resource.__table__.update().values(
            requires=None, needed_by=None, atomic_key=None,
            root_stack_id=None, current_template_id=None))
        # An update has created this one since.
        self.set_values(models.Resource, self.resources(self.stack)['b'].id,
                        root_stack_id=self.stack.id)
        # The owner's own request: there are no stored credentials.
        self.plan = convergence_migrate.convert(
            self.ctx, self.stack.id, stored_credentials=False)

    def test_the_graph_is_written(self):
        rows = self.resources(self.stack)
        self.assertEqual(([], [rows['a'].id]),
                         (rows['a'].requires, rows['b'].requires))

    def test_every_resource_gets_the_id_of_the_root_stack(self):
        self.assertEqual({self.stack.id}, {
            row['root_stack_id'] for row in self.rows(self.stack)['resource']})

    def test_the_plan_says_how_many_do(self):
        self.assertIn('; resource rows of an older Heat that will get the id '
                      'of their root stack: 2', str(self.plan))

    def test_heat_loads_the_resources_again(self):
        for stack in (self.stack, self.child):
            loaded = migrate_fixtures.parser.Stack.load(self.ctx,
                                                        stack_id=stack.id)
            self.assertEqual(set(self.resources(stack)), set(loaded))
