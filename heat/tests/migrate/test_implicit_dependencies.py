# SPDX-License-Identifier: Apache-2.0

"""Dependencies that resource plug-ins add or cannot add."""

from keystoneauth1 import exceptions as ks_exceptions
from oslo_db import exception as db_exception

from heat.common import context
from heat.common import exception
from heat.common.migrate import exception as migrate_exception
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import resource
from heat.tests import generic_resource
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import test_convergence_migrate

SECRET = 'o\'Hara "the"\nsecret'


class PlugInError(Exception):
    """An error with a message for people."""


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


class Asking(Implicit):
    """Calls a service, and raises its errors."""

    default_client_name = 'nova'
    asks = staticmethod(lambda member: None)

    def add_dependencies(self, deps):
        self.asks(self)
        super().add_dependencies(deps)


class Existing(Implicit):
    """Can add its dependencies only when it exists."""

    def add_dependencies(self, deps):
        if self.id is None:
            raise PlugInError('does not exist yet')
        super().add_dependencies(deps)


class Reading(Implicit):
    """Needs to know an attribute of another resource."""

    def add_dependencies(self, deps):
        if not self.properties['Foo']:
            raise PlugInError('has no value yet')
        super().add_dependencies(deps)


class Silent(Implicit):
    """Skips dependencies after errors, as some of Heat's plug-ins do."""

    default_client_name = 'nova'
    asks = staticmethod(lambda member: None)

    def add_dependencies(self, deps):
        try:
            self.asks(self)
        except Exception:
            return
        super().add_dependencies(deps)


class ImplicitTestCase(test_convergence_migrate.MigrateTestCase):

    def setUp(self):
        super().setUp()
        resource._register_class('Implicit', Implicit)
        resource._register_class('Existing', Existing)
        resource._register_class('Reading', Reading)

    def legacy_with(self, kind, schemata=None, parameters=None, name='legacy',
                    **properties):
        snippet = migrate_fixtures.template_of({'plain': []})
        snippet['resources']['adding'] = {'type': kind,
                                          'properties': properties}
        snippet['parameters'] = schemata or {}
        return migrate_fixtures.create_legacy(self.ctx, snippet, name,
                                              parameters=parameters)

    def assertRefused(self, stack, error):
        """The plug-in raises an error; returns the reason."""
        self.patchobject(Implicit, 'error', new=error)
        return str(self.refused(
            stack, migrate_exception.ImplicitDependencies))


class ImplicitTest(ImplicitTestCase):

    def assertRequiresPlain(self, stack):
        rows = self.resources(stack)
        self.assertEqual([rows['plain'].id], rows['adding'].requires)
        self.assertEqual([rows['adding'].id], rows['plain'].needed_by)

    def test_a_dependency_of_a_plug_in_is_in_the_graph(self):
        stack = self.legacy_with('Implicit')
        convergence_migrate.convert(self.ctx, stack.id)
        self.assertRequiresPlain(stack)
        rows = self.resources(stack)
        self.assertEqual([[[rows['adding'].id, True],
                           [rows['plain'].id, True]]],
                         self.row(stack).current_deps['edges'])

    def test_a_plug_in_may_need_an_existing_resource(self):
        # Its own, or an attribute of another one.
        for kind, properties in (
                ('Existing', {}),
                ('Reading', {'Foo': {'get_attr': ['plain', 'Foo']}})):
            stack = self.legacy_with(kind, name=kind, **properties)
            convergence_migrate.convert(self.ctx, stack.id)
            self.assertRequiresPlain(stack)


class FailingPlugInTest(ImplicitTestCase):
    """No stack is converted with only a part of its dependencies."""

    def setUp(self):
        super().setUp()
        self.stack = self.legacy_with('Implicit')

    def _refused(self, error):
        return self.assertRefused(self.stack, error)

    def test_the_reason_names_resource_and_error(self):
        text = self._refused(PlugInError('no network named net'))
        self.assertIn('resource adding of stack legacy', text)
        self.assertIn('cannot be computed: no network named net. Remove', text)

    def test_the_words_of_an_error(self):
        for error, words in (
                (PlugInError(), 'cannot be computed: PlugInError.'),
                (PlugInError('one\n  two.'), 'computed: one two. Remove'),
                # A create would ignore it.
                (TypeError('unexpected'), 'computed: an unexpected')):
            self.assertIn(words, self._refused(error))

    def test_what_python_says_is_for_the_log_alone(self):
        text = self._refused(AttributeError(
            "'NoneType' object has no attribute 'name'"))
        self.assertIn('computed: an unexpected AttributeError. Remove', text)
        self.assertIn("failed with AttributeError: 'NoneType' object",
                      self.LOG.output)
        self.assertIn('in add_dependencies', self.LOG.output)

    def test_an_error_of_the_database_is_no_reason(self):
        self.patchobject(Implicit, 'error', new=db_exception.DBError())
        self.assertRaises(db_exception.DBError, convergence_migrate.convert,
                          self.ctx, self.stack.id)


class LostCredentialsTest(ImplicitTestCase):
    """A plug-in calls a service, and Keystone no longer knows the trust."""

    def setUp(self):
        super().setUp()
        self.stack = self.legacy_with('Implicit')

    def refused_with(self, error, **kwargs):
        self.patchobject(Implicit, 'error', new=error)
        return self.refused(self.stack, migrate_exception.MigrationRefused,
                            **kwargs)

    def test_those_of_the_stack_are_the_reason(self):
        for error in (exception.AuthorizationFailure(),
                      ks_exceptions.Unauthorized('no trust')):
            refused = self.refused_with(error)
            self.assertEqual('credentials', refused.code)
            self.assertIn('of stack legacy', str(refused))
            self.assertIn(str(error).rstrip('.') + '. Let', str(refused))

    def test_they_are_the_reason_under_another_error_too(self):
        error = exception.StackValidationFailed(message='no network')
        error.__cause__ = exception.AuthorizationFailure()
        self.assertEqual('credentials', self.refused_with(error).code)

    def test_those_of_the_request_are_not_those_of_the_stack(self):
        refused = self.refused_with(exception.AuthorizationFailure(),
                                    stored_credentials=False)
        self.assertEqual('implicit_dependencies', refused.code)


class UnreadableCredentialsTest(ImplicitTestCase):
    """Only a plug-in that calls a service needs the credentials."""

    scenarios = [
        ('a key that was rotated', {
            'columns': {'password': 'x',
                        'decrypt_method': 'cryptography_decrypt_v1'},
            'expected': 'auth_encryption_key'}),
        ('a deleted row', {'columns': None, 'expected': 'they are gone'}),
        ('none at all', {'columns': {}, 'expected': 'no user_creds'})]

    def setUp(self):
        super().setUp()
        resource._register_class('Asking', Asking)

    def _legacy_with(self, kind):
        stack = self.legacy_with(kind)
        creds_id = self.row(stack).user_creds_id
        if self.columns:
            self.set_values(models.UserCreds, creds_id, **self.columns)
        else:
            self.set_values(
                models.Stack, stack.id,
                user_creds_id=4711 if self.columns is None else None)
        return stack

    def test_a_stack_that_asks_nobody_is_converted(self):
        stack = self._legacy_with('Implicit')
        convergence_migrate.convert(self.ctx, stack.id)
        self.assertTrue(self.row(stack).convergence)

    def test_a_plug_in_that_asks_is_refused(self):
        stack = self._legacy_with('Asking')
        for ask in (lambda member: member.context.auth_plugin,
                    lambda member: member.context.keystone_session,
                    lambda member: member.client().servers.list()):
            self.patchobject(Asking, 'asks', new=staticmethod(ask))
            refused = self.refused(stack, migrate_exception.Credentials)
            self.assertIn(self.expected, str(refused))
            self.assertIn('of stack legacy', str(refused))


class SilentPlugInTest(ImplicitTestCase):
    """An error that a plug-in suppresses is an error like any other."""

    def setUp(self):
        super().setUp()
        resource._register_class('Silent', Silent)
        self.stack = self.legacy_with('Silent')
        self.nova = self.patch('heat.engine.clients.os.nova.NovaClientPlugin.'
                               'client').return_value

    def _refused(self, asks):
        self.patchobject(Silent, 'asks', new=staticmethod(asks))
        return self.assertRefused(self.stack, None)

    def test_an_error_of_a_service(self):
        self.nova.show.side_effect = PlugInError('no answer')
        self.nova.servers.get.side_effect = PlugInError('nor here')
        for asks, error in (
                (lambda member: member.client().show('id'), 'no answer'),
                (lambda member: member.client().servers.get('id'),
                 'nor here')):
            text = self._refused(asks)
            self.assertIn('resource adding of stack', text)
            self.assertIn(error, text)

    def test_an_error_before_a_service_is_called(self):
        for function, asks in (
                ('clients.os.nova.NovaClientPlugin.client',
                 lambda member: member.client()),
                ('properties.Properties._get_property_value',
                 lambda member: member.properties.get('Foo'))):
            self.patch('heat.engine.' + function,
                       side_effect=PlugInError('no endpoint'))
            self.assertIn('no endpoint', self._refused(asks))

    def test_a_property_that_a_type_does_not_have_is_no_error(self):
        self.patchobject(Silent, 'asks', new=staticmethod(
            lambda member: member.properties.get('unknown')))
        convergence_migrate.convert(self.ctx, self.stack.id)
        rows = self.resources(self.stack)
        self.assertEqual([rows['plain'].id], rows['adding'].requires)

    def _answered(self, asks):
        """The answer to the call of a plug-in."""
        answers = []
        self.patchobject(Silent, 'asks', new=staticmethod(
            lambda member: answers.append(asks(member))))
        convergence_migrate.convert(self.ctx, self.stack.id)
        answer, = answers
        return answer

    def test_what_a_service_answers_and_has_is_used(self):
        self.nova.servers.get.return_value = 'server'
        self.nova.version = '2.1'
        server, version, used = self._answered(lambda member: (
            member.client().servers.get('id'), member.client().version,
            member.stack.clients.context))
        self.assertEqual(('server', '2.1'), (server, version))
        self.assertIsInstance(used, context.RequestContext)

    def test_the_names_of_the_properties(self):
        names, number, has, schemata = self._answered(lambda member: (
            list(member.properties), len(member.properties),
            'Foo' in member.properties, member.properties.props))
        self.assertIn('Foo', names)
        self.assertEqual(len(names), number)
        self.assertTrue(has)
        self.assertEqual(set(names), set(schemata))


class HiddenTest(ImplicitTestCase):
    """A plug-in may quote the value of a parameter, which is hidden."""

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

    def test_the_reason_has_a_mask_in_its_place(self):
        for value in (SECRET, repr(SECRET)[1:-1], 'by-default', 'in-a-list',
                      # Not hidden.
                      'open'):
            self.assertIn('no network ****** here', self.assertRefused(
                self.stack, PlugInError('no network %s here' % value)))
