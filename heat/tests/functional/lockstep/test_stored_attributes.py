# SPDX-License-Identifier: Apache-2.0

"""A user reads the outputs just before a worker locks a resource.

The worker has loaded the resource and has not locked it yet. In this moment
Heat stores the old values of the attributes that the outputs need.
"""

from unittest import mock

from oslo_config import cfg

from heat.engine import resource
from heat.objects import resource as resource_object
from heat.tests.functional.harness import synchronous
from heat.tests import utils

_GROUP = {
    'type': 'OS::Heat::ResourceGroup',
    'properties': {'count': 2, 'resource_def': {
        'type': 'OS::Heat::TestResource',
        'properties': {'value': {'get_param': 'value'}}}}}

#: The output takes the values of the group from what is stored, if anything.
TEMPLATE = {
    'heat_template_version': '2018-08-31',
    'parameters': {'value': {'type': 'string', 'default': 'old'}},
    'resources': {'group': _GROUP},
    'outputs': {'group': {'value': {'get_attr': ['group', 'output']}}}}

#: Another resource requires the group.
REQUIRED = dict(TEMPLATE, resources={
    'group': _GROUP,
    'above': {'type': 'OS::Heat::TestResource', 'depends_on': 'group'}})

OLD, NEW = ['old', 'old'], ['new', 'new']


class StoredAttributesTest(synchronous.EngineTestCase):

    def setUp(self):
        super().setUp()
        cfg.CONF.set_override('migrate_protection', True)

    def converted(self, template):
        stack = self.create(template)
        self.convert(stack)
        return stack

    def outputs(self, stack):
        """What a user sees, as GET of the stack."""
        shown, = self.heat.show_stack(utils.dummy_context(), stack)
        return shown['outputs'][0]['output_value']

    def update(self, stack, meanwhile):
        """Update the value; returns the output afterwards.

        :param meanwhile: called when the worker has loaded the group, and
            is going to lock it
        """
        store_with_lock = resource.Resource._store_with_lock
        calls = []

        def late(rsrc, rs, lock):
            if rsrc.name == 'group' and lock == rsrc.LOCK_ACQUIRE:
                calls.append(rsrc.id)
                if len(calls) == 1:
                    meanwhile()
            return store_with_lock(rsrc, rs, lock)

        with mock.patch.object(resource.Resource, '_store_with_lock', late), \
                mock.patch.object(
                    resource_object.Resource, 'get_obj',
                    wraps=resource_object.Resource.get_obj) as get_obj:
            self.patch_value(stack, 'new')
        self.attempts = len(calls)
        self.reads = get_obj.call_args_list.count(
            mock.call(mock.ANY, mock.ANY, fields=('attr_data_id',)))
        return self.outputs(stack)

    def patch_value(self, stack, value):
        self.heat.update_stack(self.ctx, stack, None,
                               {'parameters': {'value': value}}, {},
                               {'existing': True})
        self.heat.run()
        self.assertEqual('UPDATE_COMPLETE', self.state(stack))

    def update_and_show(self, stack):
        return self.update(
            stack, lambda: self.assertEqual(OLD, self.outputs(stack)))

    def test_a_converted_stack_shows_its_new_values(self):
        for template in (TEMPLATE, REQUIRED):
            stack = self.converted(template)
            self.assertEqual(NEW, self.update_and_show(stack))
            self.assertEqual((2, 1), (self.attempts, self.reads))

    def test_a_lock_that_is_not_missed_needs_no_query(self):
        stack = self.converted(TEMPLATE)
        self.assertEqual(NEW, self.update(stack, lambda: None))
        self.assertEqual((1, 0), (self.attempts, self.reads))

    def test_without_the_protection_the_remedies_correct_the_output(self):
        for remedy, values in ((self.check, NEW),
                               (self.change_again, ['newer', 'newer'])):
            cfg.CONF.set_override('migrate_protection', False)
            stack = self.converted(REQUIRED)
            self.assertEqual(OLD, self.update_and_show(stack))
            self.assertEqual((2, 0), (self.attempts, self.reads))
            remedy(stack)
            self.assertEqual(values, self.outputs(stack))

    def check(self, stack):
        self.heat.stack_check(self.ctx, stack)
        self.heat.run()

    def change_again(self, stack):
        self.patch_value(stack, 'newer')

    def test_a_native_stack_has_the_values_of_what_is_required(self):
        cfg.CONF.set_override('migrate_protection', False)
        stack = self.create(REQUIRED, convergence=True)
        self.assertEqual(NEW, self.update_and_show(stack))
        # Nothing was stored in between.
        self.assertEqual(1, self.attempts)

    def test_heat_itself_keeps_other_values_of_a_native_stack(self):
        cfg.CONF.set_override('migrate_protection', False)
        stack = self.create(TEMPLATE, convergence=True)
        self.assertEqual(OLD, self.update_and_show(stack))

    def test_with_the_protection_a_native_stack_shows_its_new_values(self):
        stack = self.create(TEMPLATE, convergence=True)
        self.assertEqual(NEW, self.update_and_show(stack))

    def test_a_lock_that_is_missed_for_another_reason(self):
        # As a signal does, which stores metadata.
        stack = self.converted(TEMPLATE)

        def signal():
            row, = resource_object.Resource.get_all_by_stack(
                utils.dummy_context(), stack['stack_id']).values()
            row.select_and_update({}, atomic_key=row.atomic_key)

        self.assertEqual(NEW, self.update(stack, signal))
        self.assertEqual(2, self.attempts)
