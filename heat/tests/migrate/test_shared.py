# SPDX-License-Identifier: Apache-2.0

"""Only equal nested stacks share their computed requirements."""

from unittest import mock

from heat.engine import convergence_migrate
from heat.engine.hot import template as hot_template
from heat.engine.migrate import shared
from heat.engine import resource
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import test_convergence_migrate
from heat.tests.migrate import test_implicit_dependencies
from heat.tests import utils


class SharedTest(test_convergence_migrate.MigrateTestCase):

    def tree(self, snippet, names=('one', 'two'), parameters=({}, {})):
        """Nest stacks of one template; returns their rows' requirements."""
        self.root = self.legacy({'a': []}, name=utils.random_name())
        self.children = [
            migrate_fixtures.create_legacy(
                self.ctx, snippet, name=name, parameters=values,
                owner_id=self.root.id)
            for name, values in zip(names, parameters)]

    def convert(self):
        """Convert the tree; returns how many templates were parsed."""
        parse = hot_template.HOTemplate20130523.resource_definitions
        with mock.patch.object(
                hot_template.HOTemplate20130523, 'resource_definitions',
                autospec=True, side_effect=parse) as parsed:
            convergence_migrate.convert(self.ctx, self.root.id)
        return parsed.call_count

    def required(self, stack):
        rows = self.resources(stack)
        names = {row.id: name for name, row in rows.items()}
        return {name: [names[key] for key in row.requires]
                for name, row in rows.items()}

    def conditional(self, condition):
        """A template that has its resource c under a condition."""
        snippet = migrate_fixtures.template_of({'a': [], 'b': ['a']})
        snippet['parameters'] = {'which': {'type': 'string',
                                           'default': 'one'}}
        snippet['conditions'] = {'met': condition}
        snippet['resources']['c'] = {
            'type': 'GenericResourceType', 'condition': 'met'}
        return snippet

    def test_equal_ones_are_parsed_once(self):
        self.tree(migrate_fixtures.template_of({'a': [], 'b': ['a']}))
        self.assertEqual(2, self.convert())
        for child in self.children:
            self.assertEqual({'a': [], 'b': ['a']}, self.required(child))
        self.assertNotEqual(*(self.row(child).current_traversal
                              for child in self.children))

    def test_a_condition_on_the_name_or_the_id_of_the_stack(self):
        for name in ('OS::stack_name', 'OS::stack_id'):
            self.tree(self.conditional(
                {'equals': [{'get_param': name}, 'one']}),
                [name[4:] + 'one', name[4:] + 'two'])
            self.assertEqual(3, self.convert())

    def test_each_gets_what_its_own_name_decides(self):
        self.tree(self.conditional(
            {'equals': [{'get_param': 'OS::stack_name'}, 'one']}))
        self.convert()
        one, two = map(self.required, self.children)
        self.assertEqual({'a', 'b', 'c'}, set(one))
        self.assertEqual({'a', 'b'}, set(two))

    def test_a_condition_on_a_parameter_of_its_own(self):
        self.tree(self.conditional(
            {'equals': [{'get_param': 'which'}, 'one']}),
            ['x', 'y'], [{'which': 'one'}, {'which': 'two'}])
        self.assertEqual(3, self.convert())
        one, two = map(self.required, self.children)
        self.assertEqual({'a', 'b', 'c'}, set(one))
        self.assertEqual({'a', 'b'}, set(two))

    def test_what_plug_ins_add_is_computed_for_each(self):
        resource._register_class('Implicit',
                                 test_implicit_dependencies.Implicit)
        snippet = migrate_fixtures.template_of({'plain': []})
        snippet['resources']['adding'] = {'type': 'Implicit'}
        self.tree(snippet)
        self.assertEqual(3, self.convert())
        for child in self.children:
            self.assertEqual({'plain': [], 'adding': ['plain']},
                             self.required(child))

    def test_a_template_that_asks_the_stack_above(self):
        for text, kept in (('{}', True), ('{"resource_facade": "x"}', False),
                           ('{"Fn::ResourceFacade": "x"}', False)):
            row = mock.Mock(template=text, environment='', files='')
            stack = mock.Mock()
            stack.parameters.params = {'a': 1}
            stack.parameters.non_pseudo_param_keys = ['a']
            known = shared.Requirements()
            known.watch(stack)
            known.keep(stack, row, {'a': set()})
            self.assertEqual({'a': set()} if kept else None, known.get(row))

    def test_parameters_that_are_read_all_at_once(self):
        row = mock.Mock(template='', environment='', files='')
        for read in (dict.items, dict.values, dict.copy):
            stack = mock.Mock()
            stack.parameters.params = {'OS::stack_id': 1}
            stack.parameters.non_pseudo_param_keys = []
            known = shared.Requirements()
            known.watch(stack)
            getattr(stack.parameters.params, read.__name__)()
            known.keep(stack, row, {'a': set()})
            self.assertIsNone(known.get(row))
