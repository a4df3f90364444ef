# SPDX-License-Identifier: Apache-2.0

"""Compare the graph of a stack with the graph that Heat computes."""

import importlib
import pkgutil

from heat.common.migrate import exception as migrate_exception
from heat.common import template_format
from heat.db.migrate import tree as migrate_tree
from heat.engine import environment
from heat.engine.migrate import graph as migrate_graph
from heat.engine import resource
from heat.engine import stack as parser
from heat.engine import template
from heat.tests import common
from heat.tests import generic_resource
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests import openstack
from heat.tests import utils


def _templates_of_heats_tests():
    """Yield (name, template) for the templates in Heat's own tests."""
    for module in pkgutil.walk_packages(openstack.__path__,
                                        openstack.__name__ + '.'):
        for name, text in vars(importlib.import_module(module.name)).items():
            if isinstance(text, str) and 'esources' in text:
                try:
                    yield '%s.%s' % (module.name, name), template.Template(
                        template_format.parse(text))
                except Exception:
                    continue


class AfterAll(generic_resource.GenericResource):
    """Comes after every other resource of its stack."""

    def add_dependencies(self, deps):
        for other in self.stack.values():
            if other is not self:
                deps += (self, other)


class Lenient(generic_resource.GenericResource):
    strict_dependency = False


class StackGraphTestCase(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.ctx = utils.dummy_context()
        resource._register_class('AfterAll', AfterAll)
        resource._register_class('Lenient', Lenient)

    def _stack(self, snippet, env=None):
        return parser.Stack(self.ctx, utils.random_name(), template.Template(
            snippet, env=environment.Environment(env)))

    def ours(self, snippet, env=None):
        stack = self._stack(snippet, env)
        stack.store()
        return migrate_graph.requirements(
            self.ctx, migrate_tree.get(self.ctx, stack.id).root, stack.name)

    def heats(self, snippet, env=None):
        """The graph of a stack that Heat is about to create."""
        stack = self._stack(snippet, env)
        return {member.name: {required.name for required in
                              stack.dependencies.requires(member)}
                for member in stack.values()}


class HeatsTemplatesTest(StackGraphTestCase):

    def setUp(self):
        super().setUp()
        # The templates come without values for their parameters.
        self.patchobject(migrate_graph.migrate_parameters, 'check')

    def test_the_graph_is_the_one_of_a_create(self):
        def both(snippet):
            yield self.heats(snippet)
            yield self.ours(snippet)

        self._assert_equal_graphs(both)

    def test_names_say_the_same_as_resource_objects(self):
        def both(snippet):
            stack = self._stack(snippet)
            explicit = stack._explicit_dependencies()
            yield {member.name: {required.name for required in
                                 explicit.requires(member)}
                   for member in stack.values()}
            definitions = {name: member.t for name, member in stack.items()}
            yield migrate_graph._requirements_by_name(
                stack, definitions, migrate_graph._plugins(stack, definitions,
                                                           stack.name))

        self._assert_equal_graphs(both)

    def _assert_equal_graphs(self, both):
        compared, dependencies, different = 0, 0, {}
        for name, parsed in _templates_of_heats_tests():
            graphs = both(parsed.t)
            try:
                expected = next(graphs)
            except Exception:
                # Heat cannot make this one with no parameters.
                continue
            found = next(graphs)
            if found != expected:
                different[name] = found, expected
            compared += 1
            dependencies += sum(map(len, expected.values()))
        self.assertEqual({}, different)
        self.assertGreater(compared, 100)
        self.assertGreater(dependencies, 50)


class RulesTest(StackGraphTestCase):

    def test_no_resource_object_is_made_when_names_are_enough(self):
        make = self.patchobject(generic_resource.GenericResource, '__init__')
        self.ours(migrate_fixtures.template_of({'a': [], 'b': ['a']}))
        make.assert_not_called()

    def test_a_plug_in_adds_dependencies(self):
        snippet = migrate_fixtures.template_of({'a': [], 'b': []})
        snippet['resources']['c'] = {'type': 'AfterAll'}
        self.assertEqual({'a': set(), 'b': set(), 'c': {'a', 'b'}},
                         self.ours(snippet))

    def test_a_resource_that_need_not_exist_first_is_not_required(self):
        snippet = migrate_fixtures.template_of({'b': ['a'], 'c': ['b']})
        snippet['resources']['a'] = {'type': 'Lenient'}
        self.assertEqual({'a': set(), 'b': set(), 'c': {'b'}},
                         self.ours(snippet))
        self.assertEqual(self.heats(snippet), self.ours(snippet))

    def test_a_disabled_resource_is_no_node(self):
        snippet = migrate_fixtures.template_of({'a': [], 'b': ['a']})
        snippet['resources']['a']['condition'] = False
        self.assertEqual({'b': set()}, self.ours(snippet))

    def test_an_external_resource_requires_nothing(self):
        snippet = migrate_fixtures.template_of({'a': []},
                                               'ResourceWithPropsType')
        snippet['resources']['b'] = {
            'type': 'ResourceWithPropsType', 'external_id': 'elsewhere',
            'properties': {'Foo': {'get_resource': 'a'}}}
        self.assertEqual({'a': set(), 'b': set()}, self.ours(snippet))

    def test_the_environment_may_map_the_type_of_one_resource(self):
        snippet = migrate_fixtures.template_of({'a': []})
        snippet['resources']['b'] = {'type': 'ResourceWithPropsType'}
        env = {'resource_registry': {'resources': {
            'b': {'ResourceWithPropsType': 'AfterAll'}}}}
        self.assertEqual({'a': set(), 'b': {'a'}}, self.ours(snippet, env))

    def test_a_type_that_is_mapped_for_one_resource_is_left_to_heat(self):
        looked_up = self.patchobject(migrate_graph, '_plugins')
        env = {'resource_registry': {'resources': {
            'b': {'GenericResourceType': 'ResourceWithPropsType'}}}}
        self.ours(migrate_fixtures.template_of({'a': [], 'b': []}), env)
        looked_up.assert_not_called()

    def test_an_unknown_type_beside_a_mapped_one_is_refused(self):
        snippet = migrate_fixtures.template_of({'a': []}, 'No::Such::Type')
        snippet['resources']['b'] = {'type': 'ResourceWithPropsType'}
        env = {'resource_registry': {'resources': {
            'b': {'ResourceWithPropsType': 'GenericResourceType'}}}}
        self.assertRaises(migrate_exception.UnknownResourceType,
                          self.ours, snippet, env)
