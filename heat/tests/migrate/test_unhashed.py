# SPDX-License-Identifier: Apache-2.0

from unittest import mock

from heat.engine.migrate import unhashed
from heat.engine import rsrc_defn
from heat.engine import template
from heat.tests import common
from heat.tests import utils

_HOT = {'heat_template_version': '2018-08-31', 'resources': {
    name: {'type': 'GenericResourceType', 'properties': {'a': {'b': [name]}}}
    for name in ('one', 'two')}}

_CFN = {'HeatTemplateFormatVersion': '2012-12-12', 'Resources': {
    name: {'Type': 'GenericResourceType', 'Properties': {'a': {'b': [name]}}}
    for name in ('one', 'two')}}


class UnhashedTest(common.HeatTestCase):

    scenarios = [('hot', {'snippet': _HOT}), ('cfn', {'snippet': _CFN})]

    def definitions(self, use=lambda template: None):
        parsed = template.Template(self.snippet)
        use(parsed)
        stack = utils.parse_stack(self.snippet)
        return parsed.resource_definitions(stack)

    def test_definitions_are_those_of_heat(self):
        definitions = self.definitions(unhashed.use)
        self.assertEqual(self.definitions(), definitions)
        self.assertEqual(
            {name: definition.render_hot()
             for name, definition in self.definitions().items()},
            {name: definition.render_hot()
             for name, definition in definitions.items()})
        self.assertNotEqual(definitions['one'], definitions['two'])
        self.assertEqual(2, len({*definitions.values()}))

    def test_nothing_is_hashed(self):
        stack = utils.parse_stack(self.snippet)
        parsed = template.Template(self.snippet)
        unhashed.use(parsed)
        with mock.patch.object(rsrc_defn, '_hash_data') as hash_data:
            parsed.resource_definitions(stack)
        hash_data.assert_not_called()

    def test_another_template_is_parsed_as_ever(self):
        unhashed.use(template.Template(self.snippet))
        for definition in self.definitions().values():
            self.assertIs(rsrc_defn.ResourceDefinition, type(definition))
