# SPDX-License-Identifier: Apache-2.0

"""A conversion neither rewrites nor tells what is encrypted."""

import json
import re
import time
import tracemalloc

import hypothesis
from hypothesis import strategies
from oslo_config import cfg
import sqlalchemy

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db.migrate import tree as migrate_tree
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import parameters as migrate_parameters
from heat.objects import event as event_object
from heat.tests import common
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests.migrate import test_convergence_migrate

HIDDEN = 'only-for-me'
PROPERTY = 'a-property-of-it'
DATA = 'a-private-key'

TEMPLATE = {
    'heat_template_version': '2018-08-31',
    'parameters': {'secret': {'type': 'string', 'hidden': True}},
    'resources': {'a': {'type': 'ResourceWithPropsType', 'properties': {
        'Foo': {'list_join': ['', [PROPERTY, {'get_param': 'secret'}]]}}}},
}

# Where Heat stores what encrypt_parameters_and_properties encrypts, and what
# it always encrypts.
COLUMNS = ((models.RawTemplate, 'environment'),
           (models.ResourcePropertiesData, 'data'),
           (models.ResourceData, 'value'),
           (models.UserCreds, 'password'),
           (models.UserCreds, 'trust_id'))


class EncryptedTest(test_convergence_migrate.MigrateTestCase):

    def setUp(self):
        super().setUp()
        cfg.CONF.set_override('encrypt_parameters_and_properties', True)
        self.stack = migrate_fixtures.create_legacy(
            self.ctx, TEMPLATE, parameters={'secret': HIDDEN})
        self.stack['a'].data_set('key', DATA, redact=True)

    def _stored(self):
        with db_api.context_manager.reader.using(self.ctx) as session:
            return [(column, text) for model, column in COLUMNS
                    for text in session.scalars(sqlalchemy.select(
                        sqlalchemy.type_coerce(getattr(model, column),
                                               sqlalchemy.Text)))]

    def test_what_is_stored_stays_to_the_byte(self):
        before = self._stored()
        convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertEqual(before, self._stored())

    def test_what_is_compared_is_encrypted(self):
        stored = dict(self._stored())
        self.assertIn('cryptography_decrypt_v1', stored['environment'])
        self.assertIn('cryptography_decrypt_v1', stored['data'])
        for secret in (HIDDEN, PROPERTY, DATA):
            self.assertNotIn(secret, str(stored))

    def test_heat_decrypts_it_after_the_conversion(self):
        convergence_migrate.convert(self.ctx, self.stack.id)
        loaded = migrate_fixtures.parser.Stack.load(self.ctx,
                                                    stack_id=self.stack.id)
        self.assertEqual(HIDDEN, loaded.parameters['secret'])
        self.assertEqual({'Foo': PROPERTY + HIDDEN},
                         loaded['a']._stored_properties_data)
        self.assertEqual({'key': DATA}, loaded['a'].data())

    def test_nothing_of_it_is_told(self):
        plan = convergence_migrate.convert(self.ctx, self.stack.id)
        events = [(event.resource_status_reason, event.rsrc_prop_data_id)
                  for event in self.events(self.stack)]
        self.assertEqual(1, len(events))
        told = '%s %r %s %s' % (plan, plan, events, self.LOG.output)
        for secret in (HIDDEN, PROPERTY, DATA):
            self.assertNotIn(secret, told)

    def test_what_is_encrypted_is_hidden_in_an_error(self):
        row = migrate_tree.get(self.ctx, self.stack.id).root
        self.assertEqual('no ****** here', migrate_parameters.hide(
            'no %s here' % HIDDEN, row))

    def test_every_parameter_of_a_damaged_template_is_hidden(self):
        row = migrate_tree.get(self.ctx, self.stack.id).root
        row = row._replace(template='{', environment=json.dumps(
            {'parameters': {'open': 'value'}}))
        self.assertEqual('no ****** here', migrate_parameters.hide(
            'no value here', row))

    def test_a_key_that_does_not_fit_is_a_reason(self):
        cfg.CONF.set_override('auth_encryption_key', 'x' * 32)
        before = self.rows(self.stack)
        exc = self.assertRaises(
            migrate_exception.EncryptedParameters,
            convergence_migrate.convert, self.ctx, self.stack.id)
        self.assertEqual(before, self.rows(self.stack))
        self.assertIn('auth_encryption_key', str(exc))
        self.assertEqual('invalid_parameters', exc.code)
        self.assertEqual([], [
            event for event in event_object.Event.get_all_by_stack(
                self.ctx, self.stack.id)
            if event.resource_action == 'MIGRATE'])

    def test_parameters_are_the_reason_with_good_credentials_too(self):
        cfg.CONF.set_override('auth_encryption_key', 'x' * 32)
        self.assertRaises(
            migrate_exception.EncryptedParameters,
            convergence_migrate.convert, self.ctx, self.stack.id,
            stored_credentials=False)

    def test_parameters_that_an_older_heat_encrypted(self):
        row = migrate_tree.get(self.ctx, self.stack.id).root
        environment = json.loads(row.environment)
        environment['parameters']['secret'] = ['oslo_decrypt_v1', 'A' * 64]
        with db_api.context_manager.writer.using(self.ctx) as session:
            session.query(models.RawTemplate).filter_by(
                id=row.raw_template_id).update({'environment': environment})
        self.assertRaises(
            migrate_exception.EncryptedParameters,
            convergence_migrate.convert, self.ctx, self.stack.id)


class HideTest(common.HeatTestCase):
    """The ways in which a message can contain the value of a parameter."""

    def hide(self, text, template, **environment):
        columns = dict.fromkeys(migrate_tree.StackRow._fields)
        row = migrate_tree.StackRow(**dict(
            columns, template=json.dumps(template),
            environment=json.dumps(environment)))
        return migrate_parameters.hide(text, row)

    def test_a_parameter_of_a_cfn_template(self):
        template = {'Parameters': {'p': {'Type': 'String', 'NoEcho': 'true',
                                         'Default': 'fallback'}}}
        self.assertEqual('****** and ******', self.hide(
            'given and fallback', template, parameters={'p': 'given'}))

    def test_a_default_of_the_environment(self):
        template = {'parameters': {'p': {'type': 'string', 'hidden': True}}}
        self.assertEqual('******', self.hide(
            'value', template, parameter_defaults={'p': 'value'}))

    def test_a_value_that_begins_with_another_one(self):
        hidden = {'type': 'string', 'hidden': True}
        self.assertEqual('****** ******', self.hide(
            'secretive secret', {'parameters': {'p': hidden, 'q': hidden}},
            parameters={'p': 'secret', 'q': 'secretive'}))

    def test_the_members_of_json(self):
        template = {'parameters': {'p': {'type': 'json', 'hidden': True}}}
        for value in (['one', {'key': 'two'}], '["one", {"key": "two"}]'):
            self.assertEqual('neither ****** nor ******', self.hide(
                'neither one nor two', template, parameters={'p': value}))

    def test_the_members_of_a_list(self):
        template = {'parameters': {'p': {'type': 'comma_delimited_list'}}}
        self.assertEqual('no ****** in ******', self.hide(
            'no two in one, two', template, parameters={'p': 'one, two'}))

    def test_an_empty_value_hides_nothing(self):
        template = {'parameters': {'p': {'type': 'string', 'hidden': True}}}
        self.assertEqual('text', self.hide('text', template,
                                           parameters={'p': ''}))

    def test_a_parameter_of_which_nothing_is_known(self):
        template = {'parameters': {'p': {'type': 'string'}}}
        self.assertEqual('******', self.hide('value', template,
                                             parameters={'gone': 'value'}))

    def test_a_hidden_value_in_the_middle_of_a_word(self):
        for template in (
                {'parameters': {'p': {'type': 'string', 'hidden': True}}},
                {'Parameters': {'p': {'Type': 'String', 'NoEcho': 'true'}}}):
            self.assertEqual('an e******nt', self.hide(
                'an elephant', template, parameters={'p': 'lepha'}))

    def test_a_value_that_is_not_hidden_in_the_middle_of_a_word(self):
        template = {'parameters': {'p': {'type': 'string'}}}
        self.assertEqual('my-******s', self.hide(
            'my-elephants', template, parameters={'p': 'elephant'}))

    def test_a_short_value_that_is_not_hidden_where_it_stands_alone(self):
        template = {'parameters': {'p': {'type': 'number', 'default': 80}}}
        self.assertEqual('port=******, not 8080', self.hide(
            'port=80, not 8080', template))

    def test_a_value_that_looks_like_the_mask(self):
        template = {'parameters': {'p': {'type': 'string'},
                                   'q': {'type': 'string'}}}
        self.assertEqual('a ******', self.hide(
            'a elephant', template, parameters={'p': 'elephant', 'q': '**'}))

    def test_a_value_that_is_written_in_another_way(self):
        template = {'parameters': {'p': {'type': 'string', 'hidden': True}}}
        for value in ('l\'été "x"', 'back\\slash', 'two\nlines', 'Ж'):
            for text in (value, repr(value)[1:-1], json.dumps(value)[1:-1]):
                self.assertEqual('not ****** here', self.hide(
                    'not %s here' % text, template,
                    parameters={'p': value}))

    def test_a_long_text_is_cut_off_with_nothing_unhidden(self):
        template = {'parameters': {'p': {'type': 'string', 'hidden': True}}}
        value = 'secret-' * 10
        for before in range(migrate_parameters.LENGTH - 80,
                            migrate_parameters.LENGTH + 10, 7):
            text = self.hide('.' * before + value + '!' * 99, template,
                             parameters={'p': value})
            self.assertNotIn('s', text)
            self.assertTrue(text.endswith(' [...]'))
            self.assertLess(len(text), migrate_parameters.LENGTH + 20)


def plainly(text, row):
    """As migrate_parameters.hide: with every value, and no short cut."""
    patterns = {}
    for value, hidden in migrate_parameters._values(row):
        pattern = re.escape(value)
        if not hidden and len(value) < migrate_parameters.TELLING_LENGTH:
            pattern = r'(?<!\w)%s(?!\w)' % pattern
        patterns[pattern] = len(value)
    if not patterns:
        return text
    return re.sub('|'.join(sorted(patterns, key=patterns.get, reverse=True)),
                  migrate_parameters.MASK, text)


VALUES = strategies.text('ab1 ,"\'\\\né[{', max_size=9)


class HideManyTest(common.HeatTestCase):
    """A stack may have more values than anybody would write by hand."""

    def row(self, value, hidden=True, kind='json'):
        return migrate_tree.StackRow(**dict(
            dict.fromkeys(migrate_tree.StackRow._fields),
            template=json.dumps({'parameters': {
                'p': {'type': kind, 'hidden': hidden}}}),
            environment=json.dumps({'parameters': {'p': value}})))

    @hypothesis.settings(max_examples=200, deadline=None, derandomize=True,
                         database=None)
    @hypothesis.given(strategies.lists(VALUES, max_size=6), VALUES, VALUES,
                      strategies.booleans())
    def test_the_same_is_hidden_as_by_trying_every_value(
            self, values, before, after, hidden):
        row = self.row(values, hidden)
        for value in values + [repr(values), json.dumps(values)]:
            text = before + value + after
            self.assertEqual(plainly(text, row),
                             migrate_parameters.hide(text, row))

    def test_150000_items_need_little_time_and_memory(self):
        items = ['item-%06d' % number for number in range(150000)]
        text = 'neither item-000007 nor item-149999'
        for row in (self.row(items), self.row(','.join(items))):
            begun = time.process_time()
            self.assertEqual('neither ****** nor ******',
                             migrate_parameters.hide(text, row))
            # 0.2 seconds, where trying every value takes 5 to 7.
            self.assertLess(time.process_time() - begun, 1)
            tracemalloc.start()
            self.addCleanup(tracemalloc.stop)
            migrate_parameters.hide(text, row)
            self.assertLess(tracemalloc.get_traced_memory()[1], 50e6)
            tracemalloc.stop()
