# SPDX-License-Identifier: Apache-2.0

"""Definitions with functions that the version of the template has not."""

from heat.common.migrate import exception as migrate_exception
from heat.db import models
from heat.engine import convergence_migrate
from heat.tests.migrate import test_convergence_migrate


class RemovedFunctionTest(test_convergence_migrate.MigrateTestCase):

    def setUp(self):
        super().setUp()
        self.stack = self.legacy({'a': [], 'b': []})

    def store(self, version='2018-08-31', outputs=None, **b):
        """Store what a failed update may leave; a check completed since."""
        self.set_values(models.Stack, self.stack.id,
                        prev_raw_template_id=self.add(models.RawTemplate(
                            template={}, files={}, environment={})))
        self.set_values(models.RawTemplate, self.stack.t.id, template={
            'heat_template_version': version,
            'conditions': {'off': {'equals': ['1', '2']}},
            'outputs': outputs or {},
            'resources': {'a': {'type': 'GenericResourceType'},
                          'b': dict({'type': 'GenericResourceType'}, **b)}})

    def requires(self):
        convergence_migrate.convert(self.ctx, self.stack.id)
        rows = self.resources(self.stack)
        return [name for name, row in rows.items()
                if row.id in rows['b'].requires]

    def test_each_place_of_a_definition(self):
        for found, function in (
                ({'x': {'Ref': 'a'}}, 'Ref'),
                ({'x': ['y', {'Ref': 'a'}]}, 'Ref'),
                ({'x': {'Fn::GetAtt': ['a', 'y']}}, 'Fn::GetAtt'),
                ({'Fn::Join': ['', [{'Ref': 'a'}]]}, 'Ref'),
                ({'x': {'list_join': ['', [{'Ref': 'a'}]]}}, 'Ref')):
            self.store(metadata=found)
            refused = self.assertRaises(
                migrate_exception.RemovedFunction, convergence_migrate.plan,
                self.ctx, self.stack.id)
            self.assertEqual(
                ('b', function, self.stack.t.id),
                tuple(refused.kwargs[name] for name in (
                    'resource', 'function', 'template')))
            self.assertIn('uses %s,' % function, str(refused))

    def test_a_version_that_has_it(self):
        self.store('2013-05-23', metadata={'x': {'Ref': 'a'}})
        self.assertEqual(['a'], self.requires())

    def test_a_key_of_that_name_beside_others(self):
        # Heat takes only a map with one key for a function.
        self.store(metadata={'x': {'Ref': 'a', 'y': 'z'}})
        self.assertEqual([], self.requires())

    def test_another_removed_function_hides_no_reference(self):
        self.store(metadata={'Fn::Join': ['', [{'get_resource': 'a'}]]})
        self.assertEqual(['a'], self.requires())

    def test_where_no_update_has_merged_two_formats_it_is_data(self):
        self.store(metadata={'x': {'Fn::GetAtt': ['a', 'y']}})
        for last in (None, self.stack.t.id):
            self.set_values(models.Stack, self.stack.id,
                            prev_raw_template_id=last)
            self.assertFalse(convergence_migrate.plan(
                self.ctx, self.stack.id).nothing_to_do)

    def test_a_disabled_definition(self):
        self.store(metadata={'x': {'Ref': 'a'}}, condition='off')
        self.set_values(models.Resource, self.resources(self.stack)['b'].id,
                        physical_resource_id=None, action='INIT')
        convergence_migrate.convert(self.ctx, self.stack.id)

    def test_an_output(self):
        # No dependency comes from it.
        self.store(outputs={'x': {'value': {'Ref': 'a'}}})
        self.assertEqual([], self.requires())

    def test_a_template_without_resources(self):
        for row in self.resources(self.stack).values():
            self.set_values(models.Resource, row.id,
                            physical_resource_id=None, action='INIT')
        self.set_values(models.RawTemplate, self.stack.t.id, template={
            'heat_template_version': '2018-08-31',
            'outputs': {'x': {'value': {'Ref': 'a'}}}})
        convergence_migrate.convert(self.ctx, self.stack.id)
