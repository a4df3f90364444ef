# SPDX-License-Identifier: Apache-2.0

"""What resources may use by the branches of an ``if``."""

import json
import types

from heat.engine.migrate import failed_branches
from heat.tests import common


class BranchesTest(common.HeatTestCase):

    def of(self, template):
        return failed_branches.of(types.SimpleNamespace(
            template=json.dumps(template)))

    def names(self, value, section='resources'):
        return self.of({section: {'r': {'metadata': {'x': [value]}}}})['r']

    def test_both_branches(self):
        for function in 'get_resource', 'Ref':
            self.assertEqual({'a', 'b'}, self.names(
                {'if': ['on', {function: 'a'}, [{'x': {function: 'b'}}]]}))

    def test_an_attribute_is_no_name(self):
        for function in 'get_attr', 'Fn::GetAtt':
            self.assertEqual({'a'}, self.names(
                {'if': ['on', {function: ['a', 'value']}, 'b']}))

    def test_one_within_another(self):
        self.assertEqual({'a', 'b', 'c'}, self.names(
            {'if': ['on', {'get_resource': 'a'}, {'if': [
                'off', {'get_resource': 'b'}, {'get_resource': 'c'}]}]}))

    def test_a_cfn_template(self):
        self.assertEqual({'a'}, self.names(
            {'Fn::If': ['on', {'Ref': 'a'}, '']}, 'Resources'))

    def test_an_if_within_a_reference(self):
        self.assertLessEqual({'a', 'b'}, self.names(
            {'get_resource': {'if': ['on', 'a', 'b']}}))
        self.assertLessEqual({'a', 'b'}, self.names(
            {'get_attr': [{'if': ['on', 'a', 'b']}, 'value']}))

    def test_references_beside_it_are_in_the_graph(self):
        self.assertEqual(set(), self.names(
            [{'if': ['on', 'x', 'y']}, {'get_resource': 'a'}]))

    def test_a_template_without_any_is_not_read(self):
        self.assertEqual({}, failed_branches.of(
            types.SimpleNamespace(template='no JSON')))

    def test_a_template_without_resources(self):
        self.assertEqual({}, self.of({'outputs': {'x': {'if': []}}}))
        self.assertEqual({}, self.of({'resources': None, 'if': []}))
