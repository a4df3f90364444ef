# SPDX-License-Identifier: Apache-2.0

"""A conversion shows no secret to anybody, at any log level."""

import logging

import fixtures
from oslo_config import cfg
from oslo_db import exception as db_exception
import sqlalchemy

from heat.common import exception
from heat.db import api as db_api
from heat.engine.migrate import events as migrate_events
from heat.engine import service
from heat.tests import generic_resource
from heat.tests.migrate import command_case as case
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests import utils

SECRETS = {'hidden': 'value-of-a-hidden-parameter',
           'open': 'value-of-an-open-parameter',
           'property': 'value-of-a-property',
           'password': 'password-of-the-user',
           'token': 'token-of-the-request',
           'trust': 'trust-of-the-stack'}

TEMPLATE = {
    'heat_template_version': '2018-08-31',
    'parameters': {'hidden': {'type': 'string', 'hidden': True},
                   'open': {'type': 'string'}},
    'resources': {
        'a': {'type': 'ResourceWithPropsType', 'properties': {
            'Foo': {'list_join': ['', [SECRETS['property'],
                                       {'get_param': 'hidden'},
                                       {'get_param': 'open'}]]}}},
        'b': {'type': 'GenericResourceType', 'depends_on': 'a'}}}


class LeakTestCase(case.CommandTestCase):
    """A stack with secrets, which are searched in all output."""

    def setUp(self):
        super().setUp()
        self.ctx = utils.dummy_context(password=SECRETS['password'],
                                       trust_id=SECRETS['trust'])
        self.ctx.auth_token = SECRETS['token']
        self.stack = migrate_fixtures.create_legacy(
            self.ctx, TEMPLATE, parameters={
                name: SECRETS[name] for name in ('hidden', 'open')})
        self.notify = self.patchobject(migrate_events.notification, 'notify')
        self.patch('heat.common.messaging.NOTIFIER')
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        self.printed = []

    def command(self, *words):
        self.printed += self.run_command(*words, self.stack.id)[1:]

    def fail_with(self, text, error=exception.Error):
        """Have a resource plug-in quote something in an error."""
        self.patchobject(generic_resource.GenericResource,
                         'add_dependencies', side_effect=error(text),
                         create=True)

    def assertNothingLeaks(self, *names):
        """Check that there is output, and no secret in it.

        :param names: of the secrets; none stands for all of them
        """
        # The context does not go into a notification.
        notified = [call.args[1:] for call in self.notify.call_args_list]
        events = [(event.resource_status_reason, event.rsrc_prop_data_id)
                  for event in self.events(self.stack.id)]
        shown = '%s %s %s %s' % (self.log.output, self.printed, notified,
                                 events)
        self.assertIn(self.stack.id, shown)
        for name in names or SECRETS:
            self.assertNotIn(SECRETS[name], shown)
        return shown


class CommandTest(LeakTestCase):

    def test_a_conversion_with_the_stored_credentials(self):
        self.command('migrate-convergence-1')
        self.assertIn('Converted to convergence', self.assertNothingLeaks())

    def test_a_dry_run(self):
        self.command('migrate-convergence-1', '--dry-run', '--format', 'json')
        self.assertIn('planned', self.assertNothingLeaks())

    def test_rows_that_differ_and_their_repair(self):
        self.command('migrate-convergence-1')
        self.set_requires('{}')
        self.command('migrate-convergence-1', '--verify', '--format', 'json')
        self.command('migrate-convergence-1', '--repair', '--format', 'json')
        self.assertIn('rows_differ', self.assertNothingLeaks())

    def set_requires(self, text):
        with db_api.context_manager.writer.using(self.ctx) as session:
            session.execute(sqlalchemy.text(
                'UPDATE resource SET requires = :text'), {'text': text})

    def test_credentials_that_cannot_be_used(self):
        self.patch('heat.common.context.StoredContext.from_dict',
                   side_effect=ValueError(SECRETS['trust']))
        self.patchobject(
            generic_resource.GenericResource, 'add_dependencies', create=True,
            new=lambda member, deps: member.context.auth_plugin)
        self.command('migrate-convergence-1')
        self.assertIn('credentials', self.assertNothingLeaks())

    def test_an_error_that_quotes_parameters(self):
        # The second one is for the log alone.
        for error in (exception.Error, KeyError):
            self.fail_with('not %(hidden)s nor %(open)s' % SECRETS, error)
            self.command('migrate-convergence-1')
            self.assertIn('not ****** nor ******', self.assertNothingLeaks())

    def test_an_error_of_the_database(self):
        statement = 'UPDATE resource SET x = %s' % SECRETS['property']
        self.patch('heat.db.migrate.write.plan_and_write',
                   side_effect=db_exception.DBError(
                       sqlalchemy.exc.OperationalError(
                           statement, {}, Exception('disk full'))))
        self.command('migrate-convergence-1')
        self.assertIn('disk full', self.assertNothingLeaks())


class EngineTest(LeakTestCase):
    """The update hook, with the context of a request."""

    def setUp(self):
        super().setUp()
        cfg.CONF.set_override('convergence_engine', True)
        cfg.CONF.set_override('migrate_on_update', True)
        self.engine = service.EngineService('host', 'topic')
        self.engine.engine_id = 'engine-1'
        # The steps after the hook are Heat's.
        self.patchobject(service.EngineService.__base__, 'update_stack')

    def update(self):
        self.engine.update_stack(self.ctx, dict(self.stack.identifier()),
                                 TEMPLATE, {}, None, {})

    def test_a_conversion(self):
        self.update()
        self.assertIn('Converted to convergence', self.assertNothingLeaks())

    def test_an_error_that_quotes_parameters(self):
        self.fail_with('not %(hidden)s nor %(open)s' % SECRETS)
        self.update()
        self.assertIn('not ****** nor ******', self.assertNothingLeaks())
