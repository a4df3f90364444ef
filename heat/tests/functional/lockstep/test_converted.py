# SPDX-License-Identifier: Apache-2.0

"""Convergence runs converted stacks of every kind."""

import copy
import json

from oslo_config import cfg

from heat.db import models
from heat.engine import resource
from heat.tests.functional.harness import inprocess
from heat.tests.functional.harness.plugins import recorder
from heat.tests.functional.harness import processes
from heat.tests.functional.harness import trees

NESTED = """
heat_template_version: 2018-08-31
resources:
  inner: {type: Test::Recorder}
"""

TEMPLATE = {
    'heat_template_version': '2018-08-31',
    'resources': {
        'one': {'type': 'Test::Recorder', 'properties': {'value': 'before'}},
        'two': {'type': 'Test::Recorder', 'depends_on': 'one'},
        'nested': {'type': 'nested.yaml'},
    },
}


class ConvertedTest(inprocess.EngineTestCase):

    def setUp(self):
        super().setUp()
        for name, plugin in recorder.resource_mapping().items():
            resource._register_class(name, plugin)

    def legacy(self, template=TEMPLATE, **kwargs):
        stack = self.create(template, files={'nested.yaml': NESTED}, **kwargs)
        del recorder.calls[:]
        return stack

    def update(self, stack, template=TEMPLATE):
        """Update the stack, with another value for one resource."""
        template = copy.deepcopy(template)
        template['resources']['one']['properties'] = {'value': 'after'}
        self.heat.update_stack(self.ctx, stack, template, {},
                               {'nested.yaml': NESTED}, {})
        self.assertEqual('UPDATE', self.wait_for(stack)['action'])

    def delete(self, stack):
        self.heat.delete_stack(self.ctx, stack)
        processes.wait_until(
            lambda: self.row(stack)['deleted_at'], 'deleted stack')

    def write(self, model, where, **values):
        with self.database.engine.begin() as connection:
            connection.execute(model.__table__.update().where(where)
                               .values(**values))

    def calls_of(self, handler):
        return [call[0] for call in recorder.calls if call[1] == handler]

    def test_dependants_are_deleted_first(self):
        stack = self.legacy()
        self.convert(stack)
        self.delete(stack)
        deleted = self.calls_of('delete')
        self.assertEqual({'one', 'two', 'inner'}, set(deleted))
        self.assertLess(deleted.index('two'), deleted.index('one'))

    def test_rows_of_a_very_old_heat(self):
        stack = self.legacy()
        tree = trees.read(self.database, stack['stack_id'])
        for row in tree.resources:
            self.write(models.Resource, models.Resource.id == row['id'],
                       requires=None, needed_by=None, root_stack_id=None,
                       atomic_key=None, current_template_id=None)
        for row in tree.stacks:
            self.write(models.Stack, models.Stack.id == row['id'],
                       convergence=None, current_traversal=None,
                       current_deps=None, backup=False)
        self.convert(stack)
        self.assertEqual(
            {'one', 'two', 'nested', 'inner'},
            {row['resource_name'] for row in self.heat.list_stack_resources(
                self.ctx, stack, nested_depth=5)})
        self.update(stack)
        self.assertEqual(['one'], self.calls_of('update'))
        self.delete(stack)
        self.assertEqual({'one', 'two', 'inner'},
                         set(self.calls_of('delete')))

    def test_a_legacy_stack_below_a_convergence_root(self):
        stack = self.legacy()
        self.convert(stack)
        nested = trees.read(self.database, stack['stack_id']).stacks[1]
        self._is_converted_when_legacy(stack, nested['id'])

    def test_a_legacy_root_above_a_convergence_stack(self):
        stack = self.legacy()
        self.convert(stack)
        self._is_converted_when_legacy(stack, stack['stack_id'])

    def _is_converted_when_legacy(self, stack, member):
        self.write(models.Stack, models.Stack.id == member,
                   convergence=False, current_traversal=None,
                   current_deps=None)
        self.assertEqual(1, len(self.convert(stack).stacks))
        self.update(stack)
        self.delete(stack)
        self.assertEqual(3, len(self.calls_of('delete')))

    def test_a_stack_that_the_legacy_engine_updated(self):
        stack = self.legacy()
        self.update(stack)
        previous = self.row(stack)['prev_raw_template_id']
        self.assertIsNotNone(previous)
        self.convert(stack)
        self.assertIsNone(self.row(stack)['prev_raw_template_id'])
        self.assertEqual([], self.database.rows(models.RawTemplate,
                                                id=previous))
        self.delete(stack)
        self.assertEqual(3, len(self.calls_of('delete')))

    def test_a_stack_that_the_legacy_engine_rolled_back(self):
        stack = self.legacy()
        template = copy.deepcopy(TEMPLATE)
        template['resources']['three'] = {'type': 'Test::Recorder',
                                          'properties': {'fail': 'create'}}
        self.heat.update_stack(self.ctx, stack, template, {},
                               {'nested.yaml': NESTED},
                               {'disable_rollback': False})
        self.assertEqual('ROLLBACK', self.wait_for(stack)['action'])
        self.convert(stack)
        del recorder.calls[:]
        self.update(stack)
        self.assertEqual(['one'], self.calls_of('update'))
        self.delete(stack)
        self.assertEqual(3, len(self.calls_of('delete')))

    def test_a_suspended_stack_resumes(self):
        stack = self.legacy()
        self.heat.stack_suspend(self.ctx, stack)
        self.wait_for(stack)
        self.convert(stack)
        self.heat.stack_resume(self.ctx, stack)
        self.assertEqual('RESUME', self.wait_for(stack)['action'])
        self.assertEqual({'one', 'two', 'inner'},
                         set(self.calls_of('resume')))

    def test_a_checked_stack_updates(self):
        stack = self.legacy()
        self.heat.stack_check(self.ctx, stack)
        self.wait_for(stack)
        self.convert(stack)
        self.update(stack)
        self.assertEqual(['one'], self.calls_of('update'))

    def test_an_adopted_stack_updates_and_deletes_its_resources(self):
        template = {'heat_template_version': '2018-08-31',
                    'resources': {'one': {'type': 'Test::Recorder'}}}
        cfg.CONF.set_override('enable_stack_adopt', True)
        stack = self.legacy(template, adopt_stack_data=json.dumps({
            'resources': {'one': {
                'name': 'one', 'resource_id': 'adopted', 'metadata': {},
                'type': 'Test::Recorder', 'resource_data': {}}}}))
        self.assertEqual('ADOPT', self.row(stack)['action'])
        self.convert(stack)
        self.update(stack, template)
        self.assertEqual({'adopted'}, set(trees.read(
            self.database, stack['stack_id']).physical_ids().values()))
        self.delete(stack)
        self.assertEqual(['one'], self.calls_of('delete'))

    def test_an_unhealthy_resource_is_replaced_by_the_next_update(self):
        stack = self.legacy()
        self.heat.resource_mark_unhealthy(self.ctx, stack, 'two', True)
        self.convert(stack)
        self.update(stack)
        self.assertEqual(['two'], self.calls_of('create'))
        self.assertEqual(['two'], self.calls_of('delete'))

    def delete_with_policy(self, policy):
        """Convert and delete a stack; one resource has a deletion policy."""
        template = copy.deepcopy(TEMPLATE)
        template['resources']['two']['deletion_policy'] = policy
        stack = self.legacy(template)
        self.convert(stack)
        self.delete(stack)

    def test_a_retained_resource_is_not_deleted(self):
        self.delete_with_policy('retain')
        self.assertEqual({'one', 'inner'}, set(self.calls_of('delete')))

    def test_a_resource_is_snapshotted_and_deleted(self):
        self.delete_with_policy('snapshot')
        self.assertEqual(['two'], self.calls_of('snapshot_delete'))
        self.assertEqual({'one', 'inner'}, set(self.calls_of('delete')))

    def test_an_external_resource_is_not_deleted(self):
        template = copy.deepcopy(TEMPLATE)
        template['resources']['two'] = {'type': 'Test::Recorder',
                                        'external_id': 'elsewhere'}
        stack = self.legacy(template)
        self.convert(stack)
        self.update(stack, template)
        self.delete(stack)
        self.assertEqual({'one', 'inner'}, set(self.calls_of('delete')))

    def test_a_resource_whose_condition_becomes_true_is_created(self):
        template = copy.deepcopy(TEMPLATE)
        template['conditions'] = {'wanted': False}
        template['resources']['two']['condition'] = 'wanted'
        stack = self.legacy(template)
        self.convert(stack)
        template['conditions'] = {'wanted': True}
        self.update(stack, template)
        self.assertEqual(['two'], self.calls_of('create'))
