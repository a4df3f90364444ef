# SPDX-License-Identifier: Apache-2.0

"""Updates that Heat refuses, on a real deployment that converts stacks.

The user sees the same error as without the overlay, and nothing of the stack
is lost.
"""

from heatclient import exc

from heat.db import models
from heat.tests.functional.harness import case

SMALL = case.template('small.yaml')
NEW_VALUE = ('--parameter', 'value=two')
NEW_OUTPUTS = {'first': 'two', 'group': ['two']}

PLUGINS = case.plugins('gone')


class BadInputMixin:
    """A mixin for deployments with these stacks and options."""

    legacy_conf = {'plugin_dirs': PLUGINS}
    conf = {'convergence_engine': True, 'migrate_on_update': True,
            'plugin_dirs': ''}
    legacy_stacks = dict(
        {name: SMALL for name in ('reference', 'property', 'immutable',
                                  'nested', 'foreign')},
        gone=case.template('gone_type.yaml'))

    def assert_refused(self, error, name, *arguments):
        result = self.heat.run_openstack('stack', 'update', *arguments, name)
        self.assertEqual(1, result.returncode)
        self.assertIn(error, result.stderr)

    def assert_still_works(self, name, before):
        """It is wholly legacy or wholly convergence, and can be updated."""
        stack_id = self.stack_id(name)
        tree = self.tree(stack_id)
        self.assertEqual(1, len(tree.convergence()), tree)
        self.assertEqual({'COMPLETE'}, {row['status'] for row in
                                        tree.stacks + tree.resources})
        self.assertEqual(before.physical_ids(), tree.physical_ids())

        stack = self.update(name, '--existing', *NEW_VALUE)

        self.assertEqual(NEW_OUTPUTS, self.outputs(stack))
        after = self.tree(stack_id)
        self.assertEqual({True}, after.convergence())
        self.assertEqual(before.physical_ids(), after.physical_ids())

    def assert_refused_without_harm(self, error, name, *arguments):
        before = self.tree(self.stack_id(name))
        self.assert_refused(error, name, *arguments)
        self.assert_still_works(name, before)

    def test_bad_template(self):
        self.assert_refused_without_harm(
            'ERROR: The specified reference "nowhere" (in first) is '
            'incorrect.', 'reference',
            '-t', case.template_path('dangling_reference.yaml'))

    def test_unknown_property(self):
        self.assert_refused_without_harm(
            'ERROR: Property error: : resources.first.properties: : Unknown '
            'Property colour', 'property',
            '-t', case.template_path('unknown_property.yaml'))

    def test_immutable_parameter(self):
        self.assert_refused_without_harm(
            'ERROR: The following parameters are immutable and may not be '
            'updated: fixed', 'immutable',
            '--existing', '--parameter', 'fixed=other')

    def test_unknown_stack(self):
        before = self.heat.database.rows(models.Stack)
        self.assert_refused('ERROR: The Stack (ghost) could not be found.',
                            'ghost', '--existing')
        self.assertEqual(before, self.heat.database.rows(models.Stack))

    def test_stack_of_another_project(self):
        stack_id = self.stack_id('foreign')
        before = self.tree(stack_id)
        stacks = self.heat.client_of('another').stacks
        # The API looks up a name or an id; both together go to the engine.
        for path in ('foreign', stack_id, 'foreign/%s' % stack_id):
            error = self.assertRaises(exc.HTTPNotFound, stacks.update, path,
                                      existing=True)
            self.assertIn('The Stack (%s) could not be found.' %
                          path.partition('/')[0], str(error))
        self.assertEqual(before, self.tree(stack_id))
        self.assertEqual([], self.migration_events(stack_id))

    def test_own_update_of_a_nested_stack_converts_nothing(self):
        root_id = self.stack_id('nested')
        before = self.tree(root_id)
        nested_id = before.stacks[1]['id']

        self.heat.client.stacks.update(nested_id, existing=True)
        self.heat.wait_for(nested_id, 'UPDATE_COMPLETE')

        after = self.tree(root_id)
        self.assertEqual({False}, after.convergence())
        self.assertEqual(before.physical_ids(), after.physical_ids())
        self.assert_still_works('nested', before)

    def test_resource_type_that_no_longer_exists(self):
        # Heat cannot even show such a stack.
        stack_id, = [row['id'] for row in self.heat.database.rows(
            models.Stack, name='gone')]
        before = self.tree(stack_id)
        self.assert_refused(
            'ERROR: The Resource Type (Example::Gone) could not be found.',
            'gone', '--existing')
        self.assertEqual(before, self.tree(stack_id))
        self.assertEqual(['FAILED'], self.migration_events(stack_id))
