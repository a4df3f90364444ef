# SPDX-License-Identifier: Apache-2.0

import datetime

import sqlalchemy

from heat.cmd.migrate import run
from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db.migrate import counts as migrate_counts
from heat.db.migrate import roots as migrate_roots
from heat.db import models
from heat.engine import convergence_migrate
from heat.tests import common
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import statements
from heat.tests import utils


class CountsTestCase(common.HeatTestCase):
    """Base class for tests with stacks of any kind, as rows."""

    def setUp(self):
        super().setUp()
        self.ctx = utils.dummy_context()
        self._source = migrate_fixtures.create_legacy(
            self.ctx, migrate_fixtures.template_of({'a': []}), name='source')
        self.change(models.Stack, models.Stack.id == self._source.id,
                    deleted_at=datetime.datetime(2020, 1, 1))

    def change(self, model, condition, **values):
        with db_api.context_manager.writer.using(self.ctx) as session:
            session.execute(sqlalchemy.update(model).where(
                condition).values(**values))

    def add(self, name, **values):
        """Write a stack row; returns its id, which is its name."""
        table = models.Stack.__table__
        with db_api.context_manager.writer.using(self.ctx) as session:
            row = dict(session.execute(table.select().where(
                table.c.id == self._source.id)).mappings().one())
            row.update({'id': name, 'name': name, 'deleted_at': None,
                        'tenant': 'project', 'convergence': False,
                        'created_at': datetime.datetime(2021, 1, 1)}, **values)
            session.execute(table.insert().values(row))
        return name

    def page(self, size=100, **kwargs):
        return [stack.id for stack in migrate_roots.get_page(
            self.ctx, size, **kwargs)]

    def all(self, **kwargs):
        return [stack.id for stack in run.all_stacks(self.ctx, **kwargs)]


class PageTest(CountsTestCase):

    def test_legacy_roots_oldest_first(self):
        self.add('new', created_at=datetime.datetime(2023, 1, 1))
        self.add('old', created_at=datetime.datetime(2019, 1, 1))
        self.add('converted', convergence=True)
        self.add('gone', deleted_at=datetime.datetime(2023, 1, 1))
        self.add('nested', owner_id='new')
        self.add('backup', owner_id='new', backup=True)
        self.assertEqual(['old', 'new'], self.page())

    def test_stacks_of_very_old_heat_have_null_columns(self):
        self.add('a', convergence=None, backup=None, created_at=None)
        self.add('b', created_at=None)
        self.add('c')
        first, second, _third = migrate_roots.get_page(self.ctx, 3)
        self.assertEqual(['a', 'b', 'c'], self.page())
        self.assertEqual(['b', 'c'], self.page(after=first))
        self.assertEqual(['c'], self.page(after=second))

    def test_pages_meet_each_stack_once_though_dates_are_equal(self):
        names = [self.add('s%d' % number) for number in range(5)]
        first = migrate_roots.get_page(self.ctx, 2)
        second = migrate_roots.get_page(self.ctx, 2, first[-1])
        # It was created meanwhile.
        self.add('s0b')
        third = migrate_roots.get_page(self.ctx, 2, second[-1])
        self.assertEqual(names, [stack.id for stack in
                                 first + second + third])
        self.assertEqual([], migrate_roots.get_page(self.ctx, 2, third[-1]))

    def test_only_one_project(self):
        self.add('ours', tenant='ours')
        self.add('theirs', tenant='theirs')
        self.assertEqual(['ours'], self.page(project='ours'))
        self.assertEqual(1, migrate_roots.count_roots(
            self.ctx, project='ours'))

    def test_convergence_root_with_a_legacy_stack_somewhere_below(self):
        self.add('mixed', convergence=True)
        self.add('child', owner_id='mixed', convergence=True)
        self.add('grandchild', owner_id='child')
        self.add('converted', convergence=True)
        self.add('converted-child', owner_id='converted', convergence=True)
        self.add('backup', owner_id='converted', backup=True)
        self.assertEqual(['mixed'], self.all())
        self.assertEqual(1, migrate_roots.count_roots(self.ctx))

    def test_nested_stacks_without_a_root_while_they_are_legacy(self):
        self.add('dangling', owner_id='nobody')
        self.add('below', owner_id='dangling')
        self.add('converted', owner_id='nobody', convergence=True)
        self.add('mixed', owner_id='nobody', convergence=True)
        self.add('child', owner_id='mixed')
        self.assertEqual(['dangling', 'mixed'], self.all())
        self.assertEqual([], self.all(convergence=True))

    def test_those_to_revert(self):
        self.add('converted', convergence=True)
        self.add('mixed')
        self.add('child', owner_id='mixed', convergence=True)
        self.add('legacy')
        self.assertEqual(['converted', 'mixed'], self.all(convergence=True))
        self.assertEqual(2, migrate_roots.count_roots(self.ctx, True))

    def test_mixed_trees_come_in_their_turn(self):
        self.add('young', created_at=datetime.datetime(2023, 1, 1))
        self.add('mixed', convergence=True,
                 created_at=datetime.datetime(2022, 1, 1))
        self.add('child', owner_id='mixed')
        self.add('old', created_at=datetime.datetime(2021, 1, 1))
        self.add('undated', created_at=None)
        self.assertEqual(['undated', 'old', 'mixed', 'young'],
                         self.all(page=1))

    def test_a_mixed_tree_that_changes_meanwhile_is_met_once(self):
        self.add('a')
        self.add('mixed', convergence=True)
        self.add('child', owner_id='mixed')
        stacks = run.all_stacks(self.ctx, page=1)
        met = [next(stacks).id]
        self.change(models.Stack, models.Stack.id == 'mixed',
                    convergence=False)
        met += [stack.id for stack in stacks]
        self.assertEqual(['a', 'mixed'], met)

    def test_mixed_trees_are_searched_once_for_all_pages(self):
        for number in range(5):
            self.add('s%d' % number)
        with statements.Statements() as sent:
            self.assertEqual(5, len(self.all(page=2)))
        self.assertEqual([True, False, False, False],
                         ['mixed' in text for text in sent.texts])


class NamedTest(CountsTestCase):

    def test_names_of_those_that_are_not_deleted(self):
        self.add('nested', owner_id='x')
        self.add('gone', deleted_at=datetime.datetime(2023, 1, 1))
        found = migrate_roots.get_named(self.ctx, ['nested', 'gone', 'none'])
        self.assertEqual({'nested'}, set(found))
        self.assertEqual(('nested', 'project'),
                         (found['nested'].name, found['nested'].tenant))


class TallyTest(CountsTestCase):

    def tally(self, **kwargs):
        return {(tally.project, tally.state): tally[2:] for tally in
                migrate_counts.tally(self.ctx, **kwargs)}

    def test_counts_roots_and_nested_stacks_by_project(self):
        self.add('ready')
        self.add('child', owner_id='ready')
        self.add('grandchild', owner_id='child')
        self.add('converted', convergence=True, tenant='other')
        self.add('converted-child', owner_id='converted', convergence=True,
                 tenant='other')
        self.assertEqual({('project', 'ready'): (1, 2, 0),
                          ('other', 'convergence'): (1, 0, 1)}, self.tally())
        self.assertEqual({('other', 'convergence'): (1, 0, 1)},
                         self.tally(project='other'))

    def test_deleted_stacks_and_empty_backup_stacks_do_not_count(self):
        self.add('ready')
        self.add('backup', owner_id='ready', backup=True, status='FAILED')
        self.add('gone', owner_id='ready', status='FAILED',
                 deleted_at=datetime.datetime(2023, 1, 1))
        self.assertEqual({('project', 'ready'): (1, 0, 0)}, self.tally())

    def test_a_mixed_tree_and_one_without_a_root(self):
        self.add('mixed', convergence=True)
        self.add('child', owner_id='mixed')
        self.add('dangling', owner_id='nobody')
        self.add('below', owner_id='dangling')
        self.assertEqual({('project', 'ready'): (1, 1, 0),
                          ('project', 'no_root'): (0, 2, 0)}, self.tally())

    def test_number_of_nested_stacks(self):
        self.add('root')
        self.add('child', owner_id='root')
        self.add('converted', owner_id='child', convergence=True)
        self.add('backup', owner_id='root', backup=True)
        self.assertEqual((1, 1),
                         migrate_counts.count_nested(self.ctx, 'root'))
        self.assertEqual((0, 0),
                         migrate_counts.count_nested(self.ctx, 'converted'))


class ReasonTest(CountsTestCase):
    """The rows give the same reason as the plan of a conversion."""

    scenarios = [
        ('in progress', {'of_root': {'status': 'IN_PROGRESS'}}),
        ('failed', {'of_root': {'status': 'FAILED'}}),
        ('no action', {'of_root': {'action': None}}),
        ('being deleted', {'of_root': {'action': 'DELETE'}}),
        ('child in progress', {'of_child': {'status': 'IN_PROGRESS'}}),
        ('child failed', {'of_child': {'status': 'FAILED'}}),
        ('resource in progress', {'of_resource': {'status': 'IN_PROGRESS'}}),
        ('resource that an engine works on',
         {'of_resource': {'engine_id': 'engine'}}),
        ('locked', {'locked': 'root'}),
        ('child locked', {'locked': 'child'}),
        ('backup stack with a resource', {'backup_of': 'root'}),
        ('empty backup stack', {'backup_of': 'root', 'is_empty': True}),
        ('sane', {}),
        ('child failed and unreferenced',
         {'of_child': {'status': 'FAILED'}, 'named': False}),
        ('child being deleted and unreferenced',
         {'of_child': {'action': 'DELETE'}, 'named': False}),
        ('child in progress and unreferenced',
         {'of_child': {'status': 'IN_PROGRESS'}, 'named': False}),
        ('child and its owner failed',
         {'of_root': {'status': 'FAILED'}, 'of_child': {'status': 'FAILED'},
          'named': False}),
        ('child unreferenced and locked',
         {'of_child': {'status': 'FAILED'}, 'named': False,
          'locked': 'child'}),
    ]
    of_root = of_child = of_resource = {}
    locked = backup_of = None
    named, is_empty = True, False

    def setUp(self):
        super().setUp()
        self.ids = {
            name: migrate_fixtures.create_legacy(
                self.ctx, migrate_fixtures.template_of({'a': []}),
                name=name).id for name in ('root', 'child', 'backup')}
        stack = models.Stack
        self.change(stack, stack.id == self.ids['root'], **self.of_root or {
            'status': 'COMPLETE'})
        self.change(stack, stack.id == self.ids['child'],
                    owner_id=self.ids['root'], **self.of_child)
        if self.named:
            self.change(models.Resource, models.Resource.stack_id ==
                        self.ids['root'],
                        physical_resource_id=self.ids['child'])
        if self.of_resource:
            self.change(models.Resource, models.Resource.stack_id ==
                        self.ids['child'], **self.of_resource)
        if self.is_empty:
            self.change(models.Resource, models.Resource.stack_id ==
                        self.ids['backup'], stack_id=self.ids['root'],
                        action='INIT', physical_resource_id=None)
        if self.locked:
            db_api.stack_lock_create(self.ctx, self.ids[self.locked], 'engine')
        self.change(stack, stack.id == self.ids['backup'], **{
            'owner_id': self.ids['root'], 'backup': True} if self.backup_of
            else {'deleted_at': datetime.datetime(2023, 1, 1)})

    def test_same_reason_as_planning(self):
        try:
            convergence_migrate.plan(self.ctx, self.ids['root'])
            expected = migrate_counts.READY
        except migrate_exception.MigrationRefused as exc:
            expected = exc.code
        tally, = migrate_counts.tally(self.ctx)
        self.assertEqual(expected, tally.state)
        self.assertIn(expected, migrate_counts.SEEN_IN_ROWS.union(
            [migrate_counts.READY]))
        self.assertEqual((1, 1, 0), tally[2:])
