# SPDX-License-Identifier: Apache-2.0

"""The conversion of a stack with snapshots."""

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db import models
from heat.engine import convergence_migrate
from heat.tests.migrate import test_convergence_migrate
from heat.tests import releases

DATA = {'resources': {'a': {'resource_data': {'image': 'one'}}}}


class SnapshotsTestCase(test_convergence_migrate.MigrateTestCase):

    def setUp(self):
        super().setUp()
        self.stack = self.legacy({'a': []})

    def snapshot(self, stack=None, **values):
        """Store a snapshot as the legacy engine does."""
        if releases.RESOURCE_SNAPSHOTS:
            values.setdefault('action', 'CREATE')
        return db_api.snapshot_create(self.ctx, dict({
            'stack_id': (stack or self.stack).id, 'name': 'daily',
            'tenant': self.ctx.project_id, 'data': DATA,
            'status': 'COMPLETE'}, **values)).id

    def stored(self, snapshot_id):
        return db_api.snapshot_get(self.ctx, snapshot_id)


class CompleteTest(SnapshotsTestCase):

    def test_its_row_stays_as_it_is(self):
        snapshot_id = self.snapshot()
        before = dict(self.stored(snapshot_id).items())
        plan = convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertEqual((), plan.snapshots)
        self.assertEqual(before, dict(self.stored(snapshot_id).items()))

    def warnings(self):
        return convergence_migrate.plan(self.ctx, self.stack.id).warnings

    @releases.by_resource
    def test_a_warning_names_it(self):
        self.snapshot(name='weekly')
        plan = convergence_migrate.plan(self.ctx, self.stack.id)
        warning, = plan.warnings
        self.assertIn('weekly', warning)
        self.assertIn('Warning: ' + warning, str(plan))

    @releases.as_a_whole
    def test_no_warning_where_it_is_deleted_with_its_stack(self):
        self.snapshot(name='weekly')
        self.assertEqual((), self.warnings())

    @releases.by_resource
    def test_one_without_a_name_or_below_the_root_is_named_too(self):
        child = self.legacy({'b': []}, name='child', owner_id=self.stack.id)
        snapshot_id = self.snapshot(name=None)
        self.snapshot(child, name='below')
        for name in (snapshot_id, 'below'):
            self.assertIn(name, ' '.join(self.warnings()))

    @releases.by_resource
    def test_the_event_and_the_log_warn(self):
        self.snapshot(name='weekly')
        convergence_migrate.convert(self.ctx, self.stack.id)
        event, = self.events(self.stack)
        for text in (event.resource_status_reason, self.LOG.output):
            self.assertIn('stay: weekly. Delete them before the stack', text)

    def test_one_of_a_convergence_stack_in_a_mixed_tree_is_not_named(self):
        plan = convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertEqual((), plan.warnings)
        self.assertNotIn('Warning', str(plan))
        self.legacy({'b': []}, name='child', owner_id=self.stack.id)
        self.snapshot(name='native')
        self.assertEqual((), self.warnings())

    def test_a_failed_one_stays_failed(self):
        snapshot_id = self.snapshot(status='FAILED')
        convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertEqual('FAILED', self.stored(snapshot_id).status)

    @releases.by_resource
    def test_one_that_is_being_deleted_stays(self):
        snapshot_id = self.snapshot(action='DELETE', status='IN_PROGRESS')
        convergence_migrate.convert(self.ctx, self.stack.id)
        row = self.stored(snapshot_id)
        self.assertEqual(('DELETE', 'IN_PROGRESS', DATA),
                         (row.action, row.status, row.data))

    def test_a_new_one_after_planning_is_not_overlooked(self):
        plan = convergence_migrate.plan(self.ctx, self.stack.id)
        self.snapshot()
        self.assertRaises(migrate_exception.TreeChanged,
                          convergence_migrate.apply, self.ctx, plan)


class InterruptedTest(SnapshotsTestCase):
    """Snapshots that an engine never completed, of any age."""

    scenarios = [('of today', {'values': {}}),
                 ('of an older Heat', {'values': {'action': None}})
                 ][:2 if releases.RESOURCE_SNAPSHOTS else 1]

    def setUp(self):
        super().setUp()
        self.snapshot_id = self.snapshot(data=None, status='IN_PROGRESS',
                                         **self.values)

    def test_becomes_failed(self):
        convergence_migrate.convert(self.ctx, self.stack.id)
        row = self.stored(self.snapshot_id)
        self.assertEqual('FAILED', row.status)
        if releases.RESOURCE_SNAPSHOTS:
            self.assertEqual('CREATE', row.action)
        self.assertIn('engine went down', row.status_reason)

    @releases.by_resource
    def test_gets_the_data_that_convergence_wants(self):
        convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertEqual({'resources': {}},
                         self.stored(self.snapshot_id).data)

    def test_a_warning_says_so(self):
        plan = convergence_migrate.plan(self.ctx, self.stack.id)
        self.assertIn('become FAILED, so that they can be deleted: '
                      'daily', plan.warnings[-1])

    def test_one_that_the_engine_still_takes_is_refused(self):
        self.set_values(models.Stack, self.stack.id, action='SNAPSHOT',
                        status='IN_PROGRESS')
        self.refused(self.stack, migrate_exception.InProgress)
        self.assertEqual('IN_PROGRESS',
                         self.stored(self.snapshot_id).status)


class WithoutDataTest(SnapshotsTestCase):

    def test_an_interrupted_one_keeps_the_data_that_it_has(self):
        snapshot_id = self.snapshot(status='IN_PROGRESS')
        convergence_migrate.convert(self.ctx, self.stack.id)
        row = self.stored(snapshot_id)
        self.assertEqual((DATA, 'FAILED'), (row.data, row.status))

    def test_a_warning_names_interrupted_ones(self):
        for name in ('one', 'two'):
            self.snapshot(name=name, status='IN_PROGRESS')
        plan = convergence_migrate.plan(self.ctx, self.stack.id)
        self.assertRegex(
            plan.warnings[-1], 'that an engine never completed become FAILED, '
            'so that they can be deleted: (one, two|two, one)\\.$')

    @releases.as_a_whole
    def test_a_failed_one_stays_without(self):
        snapshot_id = self.snapshot(data=None, status='FAILED')
        plan = convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertEqual((), plan.snapshots)
        self.assertIsNone(self.stored(snapshot_id).data)

    @releases.by_resource
    def test_a_failed_one_gets_data_and_stays_failed(self):
        snapshot_id = self.snapshot(data=None, status='FAILED',
                                    status_reason='mine')
        convergence_migrate.convert(self.ctx, self.stack.id)
        row = self.stored(snapshot_id)
        self.assertEqual(({'resources': {}}, 'FAILED', 'mine'),
                         (row.data, row.status, row.status_reason))

    @releases.by_resource
    def test_data_that_is_null_in_the_database_counts_as_none(self):
        snapshot_id = self.snapshot(status='FAILED')
        self.execute(models.Snapshot.__table__.update().values(
            data=models.sqlalchemy.null()))
        convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertEqual({'resources': {}}, self.stored(snapshot_id).data)


class RevertTest(SnapshotsTestCase):

    def test_one_taken_before_the_conversion_stays(self):
        snapshot_id = self.snapshot()
        convergence_migrate.convert(self.ctx, self.stack.id)
        convergence_migrate.revert(self.ctx, self.stack.id)
        self.assertFalse(self.row(self.stack).convergence)
        self.assertEqual(DATA, self.stored(snapshot_id).data)

    @releases.as_a_whole
    def test_one_taken_under_convergence_stays(self):
        convergence_migrate.convert(self.ctx, self.stack.id)
        snapshot_id = self.snapshot(name='native')
        convergence_migrate.revert(self.ctx, self.stack.id)
        self.assertEqual(DATA, self.stored(snapshot_id).data)

    @releases.by_resource
    def test_one_taken_under_convergence_is_refused_and_named(self):
        convergence_migrate.convert(self.ctx, self.stack.id)
        snapshot_id = self.snapshot(name='native', data={'resources': {}})
        db_api.resource_snapshot_create(self.ctx, {
            'snapshot_id': snapshot_id, 'resource_name': 'a', 'data': {}})
        self.assertIn('native', str(self.refused(
            self.stack, migrate_exception.HasSnapshots,
            convergence_migrate.revert)))
        self.assertTrue(self.row(self.stack).convergence)
