# SPDX-License-Identifier: Apache-2.0

"""Stacks that Heat alone has created and changed are healthy.

Each test runs operations on a convergence stack that leave other rows than a
create. Verify must find nothing, and repair must change nothing.
"""

import copy

from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import resource
from heat.tests.functional.harness import databases
from heat.tests.functional.harness.plugins import lockstep as plugin
from heat.tests.functional.harness import synchronous
from heat.tests.functional.harness import trees
from heat.tests import releases


def resource_of(depends_on=(), condition=None, metadata=None, **properties):
    """A resource of the plug-in that records its calls."""
    definition = {'type': plugin.TYPE, 'depends_on': list(depends_on),
                  'properties': properties}
    if condition:
        definition['condition'] = condition
    if metadata:
        definition['metadata'] = metadata
    return definition


def template_of(condition=True, **resources):
    return {'heat_template_version': '2018-08-31',
            'conditions': {'is_on': condition}, 'resources': resources}


class MetadataReader(plugin.Lockstep):
    """As a server: an update calls it if its metadata has changed."""

    def handle_update(self, json_snippet, tmpl_diff, prop_diff):
        if tmpl_diff.metadata_changed():
            self.metadata_set(json_snippet.metadata())


class NativeTestCase(synchronous.EngineTestCase):
    """Tests of one stack, created under convergence."""

    def setUp(self):
        super().setUp()
        resource._register_class(plugin.TYPE, plugin.Lockstep)
        self.useFixture(databases.ForeignKeys(self.database.engine))

    def begin(self, **resources):
        self.stack = self.create(template_of(**resources), True)
        self.assertHealthy('CREATE_COMPLETE')

    def update(self, condition=True, rollback=False, **resources):
        self.heat.update_stack(
            self.ctx, self.stack, template_of(condition, **resources), {},
            {}, {'disable_rollback': not rollback})
        self.heat.run()

    def stored(self):
        return trees.read(self.database, self.stack['stack_id'])

    def assertHealthy(self, state):
        self.assertEqual(state, self.state(self.stack))
        before = self.stored()
        self.assertEqual((), convergence_migrate.verify(
            self.ctx, self.stack['stack_id'])[0])
        self.assertTrue(convergence_migrate.repair(
            self.ctx, self.stack['stack_id']).nothing_to_do)
        self.assertEqual(before, self.stored())

    def resource(self, name):
        """The row of the one resource with a name."""
        row, = [row for row in self.stored().resources
                if row['name'] == name]
        return row

    def finish_life(self, **resources):
        """Update and delete the stack."""
        self.update(**resources)
        self.assertHealthy('UPDATE_COMPLETE')
        self.heat.delete_stack(self.ctx, self.stack)
        self.heat.run()
        self.assertEqual([], self.stored().resources)

    def check(self):
        self.heat.stack_check(self.ctx, self.stack)
        self.heat.run()


class NativeHistoriesTest(NativeTestCase):

    def test_a_replaced_resource(self):
        for link in ({'get_resource': 'a'}, {'get_attr': ['a', 'copy']}):
            b = resource_of(value=link)
            self.begin(a=resource_of(), b=b)
            self.update(a=resource_of(immutable='y'), b=b)
            self.assertHealthy('UPDATE_COMPLETE')
            self.finish_life(a=resource_of(immutable='y'), b=b)

    def test_a_replaced_resource_that_another_depends_on(self):
        b = resource_of(['a'])
        self.begin(a=resource_of(), b=b)
        self.update(a=resource_of(immutable='y'), b=b)
        self.assertHealthy('UPDATE_COMPLETE')
        self.finish_life(a=resource_of(immutable='y', value='z'), b=b)

    def test_a_condition_off_and_on_again(self):
        resources = {'a': resource_of(condition='is_on'),
                     'b': resource_of(['a'])}
        self.begin(**resources)
        self.update(condition=False, **resources)
        self.assertHealthy('UPDATE_COMPLETE')
        self.update(condition=True, **resources)
        self.assertHealthy('UPDATE_COMPLETE')
        self.finish_life(**resources)

    def test_a_condition_that_becomes_true(self):
        resources = {'a': resource_of(condition='is_on'),
                     'b': resource_of(['a'])}
        self.stack = self.create(template_of(condition=False, **resources),
                                 True)
        self.assertHealthy('CREATE_COMPLETE')
        self.update(condition=True, **resources)
        self.assertHealthy('UPDATE_COMPLETE')
        self.finish_life(**resources)

    def test_an_unhealthy_resource(self):
        resources = {'a': resource_of(), 'b': resource_of(['a'])}
        self.begin(**resources)
        for name in resources:
            self.heat.resource_mark_unhealthy(self.ctx, self.stack, name,
                                              True)
            self.assertHealthy('CREATE_COMPLETE')
        self.update(**resources)
        self.assertHealthy('UPDATE_COMPLETE')
        self.finish_life(**resources)

    def test_a_dependency_turned_round(self):
        self.begin(a=resource_of(), b=resource_of(['a']))
        turned = {'a': resource_of(['b']), 'b': resource_of()}
        self.update(**turned)
        self.assertHealthy('UPDATE_COMPLETE')
        self.finish_life(**turned)

    def test_a_rollback(self):
        resources = {'a': resource_of(), 'b': resource_of(['a'])}
        self.begin(**resources)
        for changed in ({'a': resource_of(immutable='y', fail='create'),
                         'b': resource_of(['a'], value='z')},
                        {'a': resource_of(immutable='y'),
                         'b': resource_of(['a'], immutable='z',
                                          fail='create')},
                        {'a': resource_of(),
                         'c': resource_of(['a'], fail='create')}):
            self.update(rollback=True, **changed)
            self.assertHealthy('ROLLBACK_COMPLETE')
        self.finish_life(**resources)

    def test_a_failed_update_and_a_check(self):
        # The present value of the resource decides whether its update fails.
        resources = {'a': resource_of(), 'b': resource_of(['a']),
                     'x': resource_of(['a'], fail='update')}
        self.begin(**resources)
        for number in range(2):
            self.update(a=resource_of(value='%d' % number),
                        b=resource_of(['a', 'x'], value='z'),
                        x=resource_of(['a'], fail='update', value='z'))
            self.assertEqual('UPDATE_FAILED', self.state(self.stack))
            self.check()
            self.assertHealthy('CHECK_COMPLETE')
        self.finish_life(**resources)

    def test_a_failed_replacement_and_a_check(self):
        resources = {'a': resource_of(), 'b': resource_of(['a'])}
        self.begin(**resources)
        self.update(a=resource_of(immutable='y', fail='create'),
                    b=resource_of(['a'], value='z'))
        self.assertEqual('UPDATE_FAILED', self.state(self.stack))
        self.check()
        self.assertHealthy('CHECK_COMPLETE')
        self.finish_life(**resources)

    def test_a_failed_update_and_one_that_completes(self):
        resources = {'a': resource_of(), 'b': resource_of(['a'])}
        self.begin(**resources)
        self.update(a=resource_of(immutable='y', fail='create'),
                    b=resource_of(['a']))
        self.assertEqual('UPDATE_FAILED', self.state(self.stack))
        self.update(**resources)
        self.assertHealthy('UPDATE_COMPLETE')
        self.finish_life(**resources)

    def test_suspend_and_resume_and_snapshots(self):
        resources = {'a': resource_of(), 'b': resource_of(['a'])}
        self.begin(**resources)
        self.heat.stack_suspend(self.ctx, self.stack)
        self.heat.run()
        self.assertHealthy('SUSPEND_COMPLETE')
        self.heat.stack_resume(self.ctx, self.stack)
        self.heat.run()
        self.assertHealthy('RESUME_COMPLETE')
        snapshot = self.heat.stack_snapshot(self.ctx, self.stack, 'one')
        self.heat.run()
        self.assertHealthy('SNAPSHOT_COMPLETE')
        self.heat.stack_restore(self.ctx, self.stack, snapshot['id'])
        self.heat.run()
        self.assertHealthy('RESTORE_COMPLETE')
        self.finish_life(**copy.deepcopy(resources))

    @releases.by_resource
    def test_a_snapshot_that_a_failed_update_prevents(self):
        """See "A snapshot fails" in the page troubleshooting."""
        resources = {'a': resource_of(), 'b': resource_of(['a'])}
        self.begin(**resources)
        self.update(a=resource_of(immutable='y', fail='create'),
                    b=resource_of(['a'], value='z'))
        self.heat.stack_snapshot(self.ctx, self.stack, 'one')
        self.heat.run()
        self.assertEqual('SNAPSHOT_FAILED', self.state(self.stack))
        self.assertIn('FOREIGN KEY', self.row(self.stack)['status_reason'])
        self.update(**resources)
        self.heat.stack_snapshot(self.ctx, self.stack, 'two')
        self.heat.run()
        self.assertHealthy('SNAPSHOT_COMPLETE')

    def test_a_change_that_a_failed_update_did_not_come_to(self):
        # y has the earlier template, and the next update must see that.
        resource._register_class('Test::MetadataReader', MetadataReader)

        def resources(value, fail, metadata):
            return {'a': {'type': 'OS::Heat::TestResource',
                          'properties': {'value': value, 'fail': fail}},
                    'y': {'type': 'Test::MetadataReader',
                          'depends_on': ['a'],
                          'metadata': {'m': metadata}}}
        self.begin(**resources('old', False, 1))
        self.update(**resources('new', True, 2))
        self.assertEqual('UPDATE_FAILED', self.state(self.stack))
        self.check()
        self.assertHealthy('CHECK_COMPLETE')
        self.update(**resources('new', False, 2))
        self.assertEqual({'m': 2}, self.resource('y')['rsrc_metadata'])
        self.finish_life(**resources('new', False, 2))


class RepairTest(NativeTestCase):
    """Heat runs with the values that a repair adds."""

    def setUp(self):
        super().setUp()
        self.begin(a=resource_of(), b=resource_of(['a']))

    def write(self, model, row_id, **values):
        with self.database.engine.begin() as connection:
            connection.execute(model.__table__.update().where(
                model.id == row_id).values(values))

    def lose(self, name, **values):
        """Clear columns of a resource row, or of the stack row."""
        if name is None:
            self.write(models.Stack, self.stack['stack_id'], **values)
        else:
            self.write(models.Resource, self.resource(name)['id'], **values)

    def assertRepaired(self):
        """Repair the stack, replace a resource in it and delete it."""
        self.assertNotEqual((), convergence_migrate.verify(
            self.ctx, self.stack['stack_id'])[0])
        convergence_migrate.repair(self.ctx, self.stack['stack_id'])
        self.assertHealthy('CREATE_COMPLETE')
        del plugin.calls[:]
        self.finish_life(a=resource_of(immutable='y'),
                         b=resource_of(['a'], value='z'))
        self.assertEqual(
            [(('b',), 'delete'), (('a',), 'delete')], plugin.calls[-2:])

    def test_lost_values_are_repaired(self):
        interrupted = {'requires': [], 'current_template_id': None}
        for lost in (
                {None: {'current_deps': None}},
                {None: {'current_traversal': None}},
                {'b': {'requires': []}},
                {'b': {'current_template_id': None}},
                # A node.
                {None: {'current_deps': {'edges': [
                    [[self.resource('a')['id'], True], None]]}}},
                # As Heat's own command leaves it when it is interrupted.
                {None: {'current_deps': None}, 'a': interrupted,
                 'b': interrupted}):
            for name, values in lost.items():
                self.lose(name, **values)
            self.assertRepaired()
            self.begin(a=resource_of(), b=resource_of(['a']))

    def test_without_a_traversal_heat_drops_an_update(self):
        self.lose(None, current_traversal=None)
        self.update(a=resource_of(value='z'))
        self.assertEqual('CREATE_COMPLETE', self.state(self.stack))

    def test_with_a_circle_heat_fails(self):
        self.lose('a', requires=[self.resource('b')['id']])
        self.update(a=resource_of(value='z'), b=resource_of(['a']))
        self.assertEqual('UPDATE_FAILED', self.state(self.stack))
