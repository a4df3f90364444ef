# SPDX-License-Identifier: Apache-2.0

import datetime

import fixtures

from heat.db import api as db_api
from heat.db.migrate import write as migrate_write
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import dead_engines as migrate_dead_engines
from heat.engine.migrate import events as migrate_events
from heat.objects import stack as stack_object
from heat.tests.functional.harness import databases
from heat.tests.migrate import command_case as case
from heat.tests import utils


class MeanwhileTest(case.CommandTestCase):
    """Stacks that their users change at the same time."""

    def setUp(self):
        super().setUp()
        # Nothing can happen to a stack that is locked before it is read.
        self.useFixture(fixtures.MonkeyPatch(
            'heat.engine.convergence_migrate_alone.RESOURCES', 0))
        self.stack_id = self.legacy()

    def before(self, name, do):
        """Call a function just before another one, which then fails."""
        def fail(*args, **kwargs):
            do()
            raise AttributeError("'NoneType' object has no attribute 'x'")
        self.useFixture(fixtures.MonkeyPatch(name, fail))

    def delete(self):
        stack_object.Stack.delete(self.ctx, self.stack_id)

    def assertGone(self, *words):
        status, found = self.outcomes('migrate-convergence-1', *words)
        self.assertEqual(
            (0, [('gone', None, 'legacy')]), (status, [
                (done['outcome'], done['code'], done['name'])
                for done in found]))
        self.assertIn('was deleted meanwhile', found[0]['message'])
        self.assertEqual([], self.migration_events(self.stack_id))

    def test_stack_that_is_deleted_while_it_is_read(self):
        self.before('heat.engine.migrate.graph.requirements', self.delete)
        self.assertGone('--all')

    def test_named_stack_that_is_deleted_while_it_is_read(self):
        self.before('heat.engine.migrate.graph.requirements', self.delete)
        self.assertGone(self.stack_id)

    def delete_before(self, owner, name):
        """Delete the stack just before a function is called."""
        function = getattr(owner, name)

        def delete_first(*args, **kwargs):
            self.delete()
            return function(*args, **kwargs)
        self.patchobject(owner, name, new=delete_first)

    def test_stack_that_is_deleted_before_it_is_its_turn(self):
        self.delete_before(convergence_migrate, 'convert')
        self.assertGone('--all')

    def test_stack_that_is_deleted_before_it_is_written(self):
        self.delete_before(migrate_write, 'write')
        self.assertGone(self.stack_id)

    def test_stack_that_is_deleted_and_purged_before_it_is_written(self):
        self.useFixture(databases.ForeignKeys(utils.get_engine()))
        write = migrate_write.write

        def purge_first(*args):
            self.delete()
            with utils.get_engine().begin() as connection:
                connection.execute(models.Stack.__table__.update().values(
                    deleted_at=datetime.datetime(2020, 1, 1)))
            db_api.purge_deleted(1)
            return write(*args)
        self.useFixture(fixtures.MonkeyPatch(
            'heat.db.migrate.write.write', purge_first))
        self.assertGone(self.stack_id)

    def test_stack_that_is_deleted_before_the_reason_is_recorded(self):
        self.set_name(self.stack_id, 'other')
        self.delete_before(migrate_events, 'refused')
        self.outcomes('migrate-convergence-1', self.stack_id)
        self.assertEqual([], self.migration_events(self.stack_id))

    def test_stack_that_changes_each_time_it_is_read(self):
        times = []

        def change():
            times.append(len(times))
            stack_object.Stack.update_by_id(self.ctx, self.stack_id,
                                            {'timeout': len(times)})
        self.before('heat.engine.migrate.graph.requirements', change)
        status, found = self.outcomes('migrate-convergence-1', self.stack_id)
        self.assertEqual((1, 'refused', 'changed'), (
            status, found[0]['outcome'], found[0]['code']))
        self.assertEqual(convergence_migrate.ATTEMPTS, len(times))

    def test_stack_that_stays_as_it_is_has_met_a_fault_of_ours(self):
        self.before('heat.engine.migrate.graph.requirements', lambda: None)
        status, found = self.outcomes('migrate-convergence-1', self.stack_id)
        self.assertEqual((2, 'failed', 'error'), (
            status, found[0]['outcome'], found[0]['code']))
        self.assertNotIn('NoneType', found[0]['message'])

    def test_operation_that_goes_on_needs_no_other_reason(self):
        def change():
            stack_object.Stack.update_by_id(self.ctx, self.stack_id,
                                            {'timeout': 1})
        find_dead = migrate_dead_engines.of

        def change_first(*args):
            change()
            return find_dead(*args)
        self.set_status(self.stack_id, 'IN_PROGRESS')
        self.useFixture(fixtures.MonkeyPatch(
            'heat.engine.migrate.dead_engines.of', change_first))
        _status, found = self.outcomes('migrate-convergence-1', self.stack_id)
        self.assertEqual('in_progress', found[0]['code'])
