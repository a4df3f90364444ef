# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.


"""Dependencies that resource plug-ins add, and cannot add."""

from heat.common import migrate_exception
from heat.engine import convergence_migrate
from heat.engine import resource
from heat.tests import generic_resource
from heat.tests import migrate_fixtures
from heat.tests import test_convergence_migrate

SECRET = "o'Hara\nsecret"


class Implicit(generic_resource.ResourceWithProps):
    """Adds a dependency on every resource of another type."""

    error = None

    def add_dependencies(self, deps):
        super().add_dependencies(deps)
        if self.error is not None:
            raise self.error
        for other in self.stack.values():
            if type(other) is not type(self):
                deps += (self, other)


class Existing(Implicit):
    """Can do so only when it exists."""

    def add_dependencies(self, deps):
        if self.id is None:
            raise LookupError('does not exist yet')
        super().add_dependencies(deps)


class ImplicitTestCase(test_convergence_migrate.MigrateTestCase):

    def setUp(self):
        super().setUp()
        resource._register_class('Implicit', Implicit)
        resource._register_class('Existing', Existing)

    def legacy_with(self, kind, schemata=None, parameters=None):
        snippet = migrate_fixtures.template_of({'plain': []})
        snippet['resources']['adding'] = {'type': kind}
        snippet['parameters'] = schemata or {}
        return migrate_fixtures.create_legacy(self.ctx, snippet,
                                              parameters=parameters)

    def assertRefused(self, stack, error):
        """The plug-in raises an error; returns what is told of it."""
        self.patchobject(Implicit, 'error', new=error)
        before = self.rows(stack)
        exc = self.assertRaises(
            migrate_exception.ImplicitDependencies,
            convergence_migrate.convert, self.ctx, stack.id)
        self.assertEqual(before, self.rows(stack))
        return str(exc)


class ImplicitTest(ImplicitTestCase):

    def assertRequiresPlain(self, stack):
        rows = self.resources(stack)
        self.assertEqual([rows['plain'].id], rows['adding'].requires)
        self.assertEqual([rows['adding'].id], rows['plain'].needed_by)

    def test_a_dependency_of_a_plug_in_is_in_the_rows(self):
        stack = self.legacy_with('Implicit')
        convergence_migrate.convert(self.ctx, stack.id)
        self.assertRequiresPlain(stack)

    def test_a_dependency_of_a_plug_in_is_in_the_graph(self):
        stack = self.legacy_with('Implicit')
        convergence_migrate.convert(self.ctx, stack.id)
        rows = self.resources(stack)
        self.assertEqual([[[rows['adding'].id, True],
                           [rows['plain'].id, True]]],
                         self.row(stack).current_deps['edges'])

    def test_a_plug_in_may_need_its_resource_to_exist(self):
        stack = self.legacy_with('Existing')
        convergence_migrate.convert(self.ctx, stack.id)
        self.assertRequiresPlain(stack)


class FailingPlugInTest(ImplicitTestCase):
    """No stack is converted with a part of its dependencies only."""

    def setUp(self):
        super().setUp()
        self.stack = self.legacy_with('Implicit')

    def _refused(self, error):
        return self.assertRefused(self.stack, error)

    def test_the_reason_names_resource_and_error(self):
        text = self._refused(LookupError('no network named net'))
        self.assertIn('resource adding of stack legacy', text)
        self.assertIn('cannot be computed: no network named net. Mend', text)

    def test_an_error_without_words_is_named_by_its_type(self):
        self.assertIn('cannot be computed: LookupError.',
                      self._refused(LookupError()))

    def test_an_error_that_a_create_would_ignore_refuses_too(self):
        self._refused(TypeError('unexpected'))

    def test_an_error_of_many_lines_is_told_in_one(self):
        self.assertIn('computed: one two. Mend',
                      self._refused(LookupError('one\n  two.')))


class HiddenTest(ImplicitTestCase):
    """A plug-in may quote a value that nobody may see."""

    def setUp(self):
        super().setUp()
        self.stack = self.legacy_with('Implicit', {
            'given': {'type': 'string', 'hidden': True},
            'default': {'type': 'string', 'hidden': 'True',
                        'default': 'by-default'},
            'list': {'type': 'json', 'hidden': True,
                     'default': {'deep': ['in-a-list']}},
            'open': {'type': 'string', 'default': 'open'},
        }, {'given': SECRET})

    def _refused(self, error):
        return self.assertRefused(self.stack, error)

    def test_its_text(self):
        text = self._refused(LookupError('no network %s here' % SECRET))
        self.assertIn('no network ****** here', text)

    def test_its_representation(self):
        text = self._refused(LookupError('no network %r here' % SECRET))
        self.assertNotIn('Hara', text)
        self.assertNotIn('secret', text)

    def test_a_default(self):
        self.assertNotIn('by-default', self._refused(
            LookupError('no network by-default here')))

    def test_a_part_of_a_value(self):
        self.assertNotIn('in-a-list', self._refused(
            LookupError('no network in-a-list here')))

    def test_what_is_not_hidden_is_told(self):
        self.assertIn('no network open here', self._refused(
            LookupError('no network open here')))
