# SPDX-License-Identifier: Apache-2.0

"""Many small root stacks convert together with the same result as alone."""

from unittest import mock

import fixtures
from oslo_db import exception as db_exception
import sqlalchemy

from heat.cmd.migrate import acting
from heat.cmd.migrate import actions
from heat.db.migrate import batch as migrate_batch
from heat.db.migrate import roots as migrate_roots
from heat.db.migrate import write as migrate_write
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import convergence_migrate_batch
from heat.engine.migrate import events as migrate_events
from heat.objects import event as event_object
from heat.objects import stack as stack_object
from heat.objects import stack_lock
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import statements
from heat.tests.migrate import test_convergence_migrate


class BatchTestCase(test_convergence_migrate.MigrateTestCase):

    def stacks(self, count, prefix='web', shape='diamond'):
        return [self.legacy(migrate_fixtures.TEMPLATES[shape],
                            name='%s-%d' % (prefix, number))
                for number in range(count)]

    def nest(self, stack):
        """Nest a stack in the resource a of another one."""
        child = self.legacy({'b': []}, name=stack.name + '-child',
                            owner_id=stack.id)
        self.set_values(models.Resource, self.resources(stack)['a'].id,
                        physical_resource_id=child.id)
        return child

    def convert(self, *stacks):
        """Convert a batch; returns the ids of the stacks that it has done."""
        return set(convergence_migrate_batch.convert(
            self.ctx, [stack.id for stack in stacks]))

    def assertLeft(self, left, *others):
        """Check that a batch leaves only one stack and converts others."""
        before = self.rows(left)
        self.assertEqual({stack.id for stack in others},
                         self.convert(left, *others))
        self.assertEqual(before, self.rows(left))
        self.assertEqual([], self.events(left))
        for stack in others:
            self.assertTrue(self.row(stack).convergence)


class RowsTest(BatchTestCase):

    def described(self, stack):
        """All rows of a tree and its event, without random values."""
        rows = self.rows(stack)
        names = {row['id']: row['name'] for row in rows['resource']}
        templates = {row['raw_template_id']: 'template'
                     for row in rows['stack']}

        def plain(row):
            row = {key: value for key, value in row.items() if key not in (
                'id', 'name', 'uuid', 'owner_id', 'stack_id', 'created_at',
                'current_traversal', 'raw_template_id', 'user_creds_id',
                'nova_instance', 'rsrc_prop_data_id', 'updated_at')}
            for key in ('requires', 'needed_by'):
                if key in row:
                    row[key] = [names[number] for number in row[key]]
            if 'current_template_id' in row:
                row['current_template_id'] = templates[
                    row['current_template_id']]
            if 'root_stack_id' in row:
                row['root_stack_id'] = row['root_stack_id'] == stack.id
            for edge in (row.get('current_deps') or {}).get('edges', ()):
                for node in filter(None, edge):
                    node[0] = names[node[0]]
            return row

        event, = self.events(stack)
        return (sorted(str(plain(row)) for row in rows['stack']),
                sorted((row['name'], str(plain(row)))
                       for row in rows['resource']),
                (event.resource_status, event.resource_status_reason,
                 event.resource_type))

    def test_they_equal_those_of_one_by_one(self):
        for shape in migrate_fixtures.TEMPLATES:
            trees = self.stacks(4, shape, shape)
            for tree in trees if shape != 'empty' else ():
                self.nest(tree)
            self.assertEqual({tree.id for tree in trees[:2]},
                             self.convert(*trees[:2]))
            for tree in trees[2:]:
                convergence_migrate.convert(self.ctx, tree.id)
            expected = self.described(trees[2])
            for tree in trees:
                self.assertEqual(expected, self.described(tree), shape)

    def test_each_stack_is_logged_and_notified(self):
        notify = self.patchobject(migrate_events, '_notify')
        stacks = self.stacks(3)
        self.convert(*stacks)
        self.assertCountEqual(
            [stack.id for stack in stacks],
            [call[0][2]['stack_identity'] for call in notify.call_args_list])
        for stack in stacks:
            self.assertEqual(1, self.LOG.output.count(
                '(%s): Converted to convergence' % stack.id))

    def test_one_that_is_convergence_already_is_left_as_it_is(self):
        done, legacy = self.stacks(2)
        convergence_migrate.convert(self.ctx, done.id)
        before = self.rows(done)
        self.assertEqual({done.id, legacy.id}, self.convert(done, legacy))
        self.assertEqual(before, self.rows(done))
        self.assertEqual(1, len(self.events(done)))

    def sent(self, stacks):
        """Convert a batch; returns the beginnings of its statements."""
        with statements.Statements() as sent:
            self.convert(*stacks)
        return [text[:23] for text in sent.texts]

    def test_the_number_of_statements_is_always_the_same(self):
        few = len(self.sent(self.stacks(2)))
        self.assertEqual(few, len(self.sent(self.stacks(13, 'more'))))
        self.assertLess(few, 20)

    def test_few_stacks_are_locked_at_a_time(self):
        sent = self.sent(self.stacks(27))
        self.assertEqual(3, sent.count('INSERT INTO stack_lock '))

    def test_fewer_are_locked_if_they_have_many_resources(self):
        self.useFixture(fixtures.MockPatchObject(
            convergence_migrate_batch, 'RESOURCES', 8))
        sent = self.sent(self.stacks(6))
        self.assertEqual(3, sent.count('INSERT INTO stack_lock '))

    def test_a_plan_writes_nothing(self):
        stacks = self.stacks(2)
        plans = convergence_migrate_batch.plan(
            self.ctx, [stack.id for stack in stacks])
        self.assertEqual({stack.id for stack in stacks}, set(plans))
        for stack in stacks:
            self.assertFalse(self.row(stack).convergence)


class LeftTest(BatchTestCase):
    """Stacks that a batch leaves to be converted, or refused, alone."""

    def setUp(self):
        super().setUp()
        self.left, *self.others = self.stacks(3)

    def leave(self):
        self.assertLeft(self.left, *self.others)

    def test_one_that_failed_or_is_in_progress(self):
        for status in ('FAILED', 'IN_PROGRESS'):
            self.set_values(models.Stack, self.left.id, status=status)
            self.leave()

    def test_one_in_a_locked_tree(self):
        for stack in (self.left, self.nest(self.left)):
            stack_lock.StackLock.create(self.ctx, stack.id, 'engine')
            self.leave()
            stack_lock.StackLock.release(self.ctx, stack.id, 'engine')

    def test_one_with_a_damaged_template(self):
        template_id = self.row(self.left).raw_template_id
        for text in ('{"heat_template_version": "2018-08-31"', '{}', '[]'):
            self.execute(sqlalchemy.text(
                'UPDATE raw_template SET template = :text WHERE id = :id'
            ), {'text': text, 'id': template_id})
            self.assertEqual({stack.id for stack in self.others},
                             self.convert(self.left, *self.others))

    def test_one_that_is_nested(self):
        child = self.nest(self.left)
        self.assertEqual({self.left.id}, self.convert(child, self.left))

    def test_one_that_is_mixed_or_deleted(self):
        convergence_migrate.convert(self.ctx, self.left.id)
        child = self.nest(self.left)
        self.assertEqual({stack.id for stack in self.others},
                         self.convert(self.left, *self.others))
        self.assertFalse(self.row(child).convergence)
        stack_object.Stack.delete(self.ctx, self.left.id)
        self.assertEqual({stack.id for stack in self.others},
                         self.convert(self.left, *self.others))

    def test_what_is_too_large(self):
        self.left = self.legacy(
            {'r%d' % number: [] for number in range(9)}, name='large')
        self.useFixture(fixtures.MockPatchObject(
            migrate_batch, 'RESOURCES', 8))
        self.leave()

    def test_one_with_a_template_that_is_too_large(self):
        size = len(str(migrate_fixtures.template_of(
            migrate_fixtures.TEMPLATES['diamond'])))
        self.set_values(models.RawTemplate, self.row(
            self.left).raw_template_id, environment={'a': 'b' * 3 * size})
        self.useFixture(fixtures.MockPatchObject(
            migrate_batch, 'BYTES', 3 * size))
        self.leave()

    def test_a_slow_reading_leaves_no_stack_out(self):
        now = [0]

        def get_trees(stack_ids, read=migrate_batch.get_trees):
            now[0] += 10 * convergence_migrate_batch.PLANNING
            return read(stack_ids)
        self.patchobject(migrate_batch, 'get_trees', side_effect=get_trees)
        time = self.useFixture(fixtures.MockPatchObject(
            convergence_migrate_batch, 'time')).mock
        time.monotonic.side_effect = lambda: now[0]
        ids = {stack.id for stack in self.others}
        self.assertEqual(ids, self.convert(*self.others))

    def test_what_no_time_is_left_to_plan(self):
        self.useFixture(fixtures.MockPatchObject(
            convergence_migrate_batch, 'PLANNING', -1))
        self.assertEqual(set(), self.convert(*self.others))

    def write_after(self, first):
        """Call a function with each plan of a batch before it is written."""
        write = migrate_write.write

        def write_later(context, plans, *args):
            first(plans)
            write(context, plans, *args)
        return mock.patch.object(migrate_write, 'write', write_later)

    def lock(self):
        stack_lock.StackLock.create(self.ctx, self.left.id, 'engine')

    def assertNoneConverted(self, *stacks):
        self.assertEqual(set(), self.convert(*stacks))
        for stack in stacks:
            self.assertFalse(self.row(stack).convergence)
            self.assertEqual([], self.events(stack))

    def test_all_when_one_changes_before_it_is_written(self):
        with self.write_after(lambda plans: self.set_values(
                models.Stack, self.left.id, timeout=1)):
            self.assertNoneConverted(self.left, *self.others)

    def test_all_when_one_is_locked_before_it_is_written(self):
        with self.write_after(lambda plans: self.lock()):
            self.assertNoneConverted(self.left, *self.others)

    def test_only_those_of_a_transaction_that_fails(self):
        def fail():
            raise ZeroDivisionError('bug')

        self.useFixture(fixtures.MockPatchObject(
            convergence_migrate_batch, 'STACKS', 2))
        # First by a bug of ours: a lock would stay.
        for act in (fail, self.lock):
            with self.write_after(lambda plans: plans[
                    0].stack_id == self.left.id and act()):
                self.assertEqual({stack.id for stack in self.others},
                                 self.convert(*self.others, self.left))
            self.assertFalse(self.row(self.left).convergence)
            self.assertEqual([], self.events(self.left))
            for stack in self.others:
                convergence_migrate.revert(self.ctx, stack.id)

    def test_all_when_the_database_fails(self):
        with mock.patch.object(migrate_write, '_unlock',
                               side_effect=db_exception.DBError()):
            self.assertEqual(set(), self.convert(*self.others))
        for stack in self.others:
            self.assertFalse(self.row(stack).convergence)


def roots_of(context, stacks):
    known = migrate_roots.get_named(context, [stack.id for stack in stacks])
    return [known[stack.id] for stack in stacks]


class OutcomeTest(BatchTestCase):
    """A worker reports the same for a batch as for single stacks."""

    def act(self, action, stacks):
        """Run a worker on stacks; returns outcomes without their times."""
        done, left = acting.act_on(action, roots_of(self.ctx, stacks))
        return {outcome.name.split('-')[1]: outcome._replace(
            id=None, name=None, message=None, seconds=None)
            for outcome in done}, [stack.id for stack in left]

    def test_outcomes_are_those_of_one_by_one(self):
        for action in (actions.PLAN, actions.CONVERT):
            together, left = self.act(
                action, self.stacks(2, 'together%s' % action.outcome))
            self.assertEqual([], left)
            alone = {}
            for stack in self.stacks(2, 'alone%s' % action.outcome):
                alone.update(self.act(action, [stack])[0])
            self.assertEqual(alone, together)

    def test_actions_with_options_do_together_what_needs_none(self):
        for add in (actions.with_failed, actions.ignoring_unreferenced):
            self.assertIs(actions.CONVERT.together,
                          add(actions.CONVERT).together)

    def test_what_is_left_comes_back(self):
        stacks = self.stacks(3)
        self.set_values(models.Stack, stacks[1].id, status='FAILED')
        done, left = self.act(actions.CONVERT, stacks)
        self.assertEqual({'0', '2'}, set(done))
        self.assertEqual([stacks[1].id], left)
        self.assertEqual([], event_object.Event.get_all_by_stack(
            self.ctx, stacks[1].id, filters={'resource_action': 'MIGRATE'}))

    def test_all_come_back_after_an_error(self):
        for owner, name, error in (
                (migrate_batch, 'get_trees', db_exception.DBError()),
                (migrate_write, 'write', ZeroDivisionError)):
            stacks = self.stacks(2, name)
            with mock.patch.object(owner, name, side_effect=error):
                done, left = self.act(actions.CONVERT, stacks)
            self.assertEqual(({}, [stack.id for stack in stacks]),
                             (done, left))

    def test_what_cannot_be_reported_is_converted_all_the_same(self):
        stacks = self.stacks(2)
        with mock.patch.object(migrate_events, '_notify',
                               side_effect=ZeroDivisionError):
            done, left = self.act(actions.CONVERT, stacks)
        self.assertEqual(({'0', '1'}, []), (set(done), left))


class WithoutAWordTest(BatchTestCase):
    """A worker has ended without a report of the written stacks."""

    def assertNotWritten(self, action, stacks, begun):
        roots = roots_of(self.ctx, stacks)
        self.assertEqual(([], roots, True), acting.find_written(
            action, roots, begun, 0))

    def test_what_is_committed_is_reported_as_converted(self):
        stacks = self.stacks(3)
        begun = self.row(stacks[0]).created_at
        roots = roots_of(self.ctx, stacks)
        expected = acting.act(actions.CONVERT, roots[0])
        done, left, certain = acting.find_written(
            actions.CONVERT, roots, begun, expected.seconds)
        self.assertEqual(([expected], True), (done, certain))
        self.assertEqual([stack.id for stack in stacks[1:]],
                         [stack.id for stack in left])

    def test_what_was_converted_before_it_began_is_not(self):
        stack, = self.stacks(1)
        convergence_migrate.convert(self.ctx, stack.id,
                                    by=migrate_events.BY_OPERATOR)
        event, = self.events(stack)
        self.set_values(models.Event, event.id,
                        created_at=self.row(stack).created_at.replace(
                            year=2000))
        self.assertNotWritten(actions.CONVERT, [stack],
                              self.row(stack).created_at)

    def test_what_an_engine_has_converted_meanwhile_is_not(self):
        stack, = self.stacks(1)
        convergence_migrate.convert(self.ctx, stack.id, by='on update')
        self.assertNotWritten(actions.CONVERT, [stack],
                              self.row(stack).created_at)

    def test_a_conversion_is_no_revert(self):
        stack, = self.stacks(1)
        acting.act(actions.CONVERT, roots_of(self.ctx, [stack])[0])
        self.assertNotWritten(actions.REVERT, [stack],
                              self.row(stack).created_at)

    def test_a_dry_run_has_written_nothing(self):
        self.assertNotWritten(actions.PLAN, self.stacks(2), None)
