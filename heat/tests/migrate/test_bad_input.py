# SPDX-License-Identifier: Apache-2.0

"""Damaged stacks are refused with a reason, and stay unchanged."""


import sqlalchemy

from heat.common.migrate import exception as migrate_exception
from heat.db import models
from heat.engine import convergence_migrate
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import test_convergence_migrate

VERSION = {'heat_template_version': '2018-08-31'}

NO_OBJECTS = ('', '{', '[]', '7', 'null', '"text"', '{"a": [}',
              '{"resources": {"a": {"type": "Res')

# By what is wrong, a parameter and its stored value.
INVALID = {
    'type': ({'type': 'number'}, 'many'),
    'range': ({'type': 'number',
               'constraints': [{'range': {'max': 4}}]}, 17),
    'pattern': ({'type': 'string', 'constraints': [
        {'allowed_pattern': '[a-z]+'}]}, 'K3v1n'),
    'json': ({'type': 'json'}, 'no json'),
    'boolean': ({'type': 'boolean'}, 'perhaps'),
    'missing': ({'type': 'string'}, None),
}


def as_stored(text):
    """Text for a JSON column, as it is."""
    return sqlalchemy.literal(text, sqlalchemy.Text)


class BadInputTestCase(test_convergence_migrate.MigrateTestCase):

    def setUp(self):
        super().setUp()
        self.stack = self.legacy({'a': []})

    def set_text(self, **columns):
        """Write text that is not JSON into JSON columns of the template."""
        table = models.RawTemplate.__table__
        self.execute(table.update().where(
            table.c.id == self.stack.t.id).values({
                name: as_stored(text) for name, text in columns.items()}))

    def set_template(self, **columns):
        self.set_values(models.RawTemplate, self.stack.t.id, **columns)

    def assertRefused(self, reason, stack_id=None):
        """The stack is refused in one line; returns that line."""
        text = str(self.refused(self.stack, reason, stack_id=stack_id))
        self.assertIn(stack_id or self.stack.id, text)
        self.assertNotIn('\n', text)
        self.assertNotIn('Traceback', self.LOG.output)
        return text


class TextTest(BadInputTestCase):
    """Columns that should hold a JSON object hold something else."""

    scenarios = [('%s is %s' % (column, text), {'columns': {column: text}})
                 for column in ('template', 'environment')
                 for text in NO_OBJECTS
                 # Heat takes these for an empty one.
                 if column == 'template' or text not in ('', 'null')]
    scenarios.append(('files is {', {'columns': {'files': '{'}}))

    def test_is_refused(self):
        self.set_text(**self.columns)
        self.assertRefused(migrate_exception.InvalidTemplate)


class ContentTest(BadInputTestCase):
    """JSON of the right shape that Heat no longer accepts."""

    scenarios = [
        ('a registry that is text', {'environment': {
            'resource_registry': 'text'}}),
        ('an encrypted parameter that is not there', {'environment': {
            'parameters': {}, 'encrypted_param_names': ['gone']}}),
        ('no version', {'template': {'resources': {}}}),
        ('a version to come', {'template': {
            'heat_template_version': '2222-02-22'}}),
        ('resources in a list', {'template': dict(VERSION, resources=[
            {'type': 'GenericResourceType'}])}),
        ('a resource that is text', {'template': dict(VERSION, resources={
            'a': 'GenericResourceType'})}),
        ('a resource without type', {'template': dict(VERSION, resources={
            'a': {}})}),
        ('a type that is a list', {'template': dict(VERSION, resources={
            'a': {'type': ['GenericResourceType']}})}),
        ('an unknown section of a resource', {'template': dict(
            VERSION, resources={
                'a': {'type': 'GenericResourceType', 'unknown': 1}})}),
        ('parameters in a list', {'template': dict(
            VERSION, parameters=['p'], resources={})}),
        ('a circle', {'template': migrate_fixtures.template_of(
            {'a': ['b'], 'b': ['a']})}),
        ('a dependency on itself', {'template': migrate_fixtures.template_of(
            {'a': ['a']})}),
        ('a dependency on nothing', {'template': migrate_fixtures.template_of(
            {'a': ['nowhere']}), 'words': 'nowhere'}),
        ('a condition that nobody defines', {'template': dict(
            VERSION, resources={
                'a': {'type': 'GenericResourceType',
                      'condition': 'gone'}})}),
        ('conditions in a circle', {'template': dict(
            VERSION, conditions={'c': 'd', 'd': 'c'}, resources={
                'a': {'type': 'GenericResourceType', 'condition': 'c'}})}),
    ]
    template = environment = None
    words = ''

    def test_is_refused(self):
        self.set_template(**{column: getattr(self, column) for column in (
            'template', 'environment') if getattr(self, column)})
        self.assertIn(self.words, self.assertRefused(
            migrate_exception.InvalidTemplate))


class MissingRowTest(BadInputTestCase):

    def test_a_raw_template_that_is_gone(self):
        self.execute(models.RawTemplate.__table__.delete())
        self.assertIn('raw template with id %s' % self.stack.t.id,
                      self.assertRefused(migrate_exception.InvalidTemplate))


class OwnerTest(BadInputTestCase):
    """Nested stacks from which no root stack can be reached."""

    def setUp(self):
        super().setUp()
        self.child = self.legacy({}, name='child', owner_id='gone')

    def _own(self, stack, owner):
        self.set_values(models.Stack, stack.id, owner_id=owner.id)

    def test_the_owner_is_gone(self):
        self.assertIn('gone', self.assertRefused(
            migrate_exception.DanglingStack, self.child.id))

    def test_the_owner_is_deleted(self):
        self.set_values(models.Stack, self.stack.id,
                        deleted_at=self.stack.created_time)
        self._own(self.child, self.stack)
        self.assertRaises(migrate_exception.DanglingStack,
                          convergence_migrate.convert, self.ctx,
                          self.child.id)

    def test_a_stack_owns_itself(self):
        self._own(self.child, self.child)
        self.assertRefused(migrate_exception.DanglingStack, self.child.id)

    def test_two_stacks_own_each_other(self):
        other = self.legacy({}, name='other', owner_id=self.child.id)
        self._own(self.child, other)
        for stack in (self.child, other):
            self.assertRefused(migrate_exception.DanglingStack, stack.id)


class ParametersTest(BadInputTestCase):
    """Stored parameters that the stored template does not allow."""

    scenarios = [(name, {'schema': schema, 'value': value})
                 for name, (schema, value) in INVALID.items()]

    def test_is_refused_without_its_value(self):
        snippet = dict(migrate_fixtures.template_of({'a': []}),
                       parameters={'p': self.schema})
        self.set_template(template=snippet, environment={'parameters': (
            {} if self.value is None else {'p': self.value})})
        text = self.assertRefused(migrate_exception.InvalidParameters)
        self.assertIn(': p.', text)
        if self.value is not None:
            self.assertNotIn(str(self.value), text.replace(
                self.stack.id, ''))


class ValidParametersTest(BadInputTestCase):

    def _convert(self, schema, value, given='parameters'):
        snippet = dict(migrate_fixtures.template_of({'a': []}),
                       parameters={'p': schema})
        self.set_template(template=snippet,
                          environment={given: {'p': value}})
        return convergence_migrate.convert(self.ctx, self.stack.id)

    def test_what_the_template_allows_is_converted(self):
        self.assertFalse(self._convert({'type': 'number'}, '12')
                         .nothing_to_do)

    def test_a_default_of_the_environment_is_converted(self):
        self.assertFalse(self._convert({'type': 'number'}, '12',
                                       given='parameter_defaults')
                         .nothing_to_do)

    def test_no_service_is_asked_about_a_parameter(self):
        ask = self.patch('heat.engine.clients.os.nova.KeypairConstraint.'
                         'validate', side_effect=AssertionError)
        self._convert({'type': 'string', 'constraints': [
            {'custom_constraint': 'nova.keypair'}]}, 'gone')
        ask.assert_not_called()


class UnknownTypeTest(BadInputTestCase):

    def test_names_the_resource_and_its_type(self):
        self.set_template(template=migrate_fixtures.template_of(
            {'a': []}, 'OS::Gone::Type'))
        text = self.assertRefused(migrate_exception.UnknownResourceType)
        self.assertIn('OS::Gone::Type for resource a', text)

    def test_below_the_root_leaves_the_whole_tree(self):
        child = self.legacy({'b': []}, name='child', owner_id=self.stack.id)
        self.set_values(models.RawTemplate, child.t.id,
                        template=migrate_fixtures.template_of(
                            {'b': []}, 'OS::Gone::Type'))
        self.assertIn(child.id, str(self.refused(
            self.stack, migrate_exception.UnknownResourceType)))


class SnapshotDataTest(BadInputTestCase):

    def test_is_not_read(self):
        self.execute(models.Snapshot.__table__.insert().values(
            id='snapshot', stack_id=self.stack.id, tenant='tenant',
            name='damaged', data=as_stored('{'), status='COMPLETE'))
        plan = convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertEqual(['damaged'], [
            row.name for row in plan.tree.snapshots])
