# SPDX-License-Identifier: Apache-2.0

"""A conversion neither changes nor shows encrypted values."""

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
from heat.db.migrate import rows as migrate_rows
from heat.db.migrate import tree as migrate_tree
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import parameters as migrate_parameters
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

# The columns of values that Heat encrypts with
# encrypt_parameters_and_properties, and of those that it always encrypts.
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

    def test_stored_bytes_do_not_change(self):
        before = self._stored()
        convergence_migrate.convert(self.ctx, self.stack.id)
        self.assertEqual(before, self._stored())
        # They are encrypted.
        stored = dict(before)
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

    def test_no_secret_is_shown(self):
        plan = convergence_migrate.convert(self.ctx, self.stack.id)
        events = [(event.resource_status_reason, event.rsrc_prop_data_id)
                  for event in self.events(self.stack)]
        self.assertEqual(1, len(events))
        text = '%s %r %s %s' % (plan, plan, events, self.LOG.output)
        for secret in (HIDDEN, PROPERTY, DATA):
            self.assertNotIn(secret, text)

    def test_an_encrypted_value_is_hidden_in_an_error(self):
        row = migrate_tree.get(self.ctx, self.stack.id).root
        self.assertEqual('no ****** here', migrate_parameters.hide(
            'no %s here' % HIDDEN, row))

    def test_every_parameter_of_a_damaged_template_is_hidden(self):
        row = migrate_tree.get(self.ctx, self.stack.id).root
        row = row._replace(template='{', environment=json.dumps(
            {'parameters': {'open': 'value'}}))
        self.assertEqual('not****** here', migrate_parameters.hide(
            'notvalue here', row))

    def test_a_key_that_does_not_fit_is_a_reason(self):
        cfg.CONF.set_override('auth_encryption_key', 'x' * 32)
        exc = self.refused(self.stack, migrate_exception.EncryptedParameters)
        self.assertIn('auth_encryption_key', str(exc))
        self.assertEqual('invalid_parameters', exc.code)
        # With good credentials too.
        self.refused(self.stack, migrate_exception.EncryptedParameters,
                     stored_credentials=False)
        self.assertEqual([], self.events(self.stack))

    def test_parameters_that_an_older_heat_encrypted(self):
        row = migrate_tree.get(self.ctx, self.stack.id).root
        environment = json.loads(row.environment)
        environment['parameters']['secret'] = ['oslo_decrypt_v1', 'A' * 64]
        self.set_values(models.RawTemplate, row.raw_template_id,
                        environment=environment)
        self.refused(self.stack, migrate_exception.EncryptedParameters)


def row_of(template, **environment):
    """A StackRow with nothing but a template and an environment."""
    return migrate_rows.StackRow(**dict(
        dict.fromkeys(migrate_rows.StackRow._fields),
        template=json.dumps(template), environment=json.dumps(environment)))


OPEN, SECRET = {'type': 'string'}, {'type': 'string', 'hidden': True}


class HideTest(common.HeatTestCase):
    """The ways in which a message can contain the value of a parameter."""

    def hide(self, text, declared, **environment):
        return migrate_parameters.hide(text, row_of(
            {'parameters': declared}, **environment))

    def test_values_of_parameters(self):
        for declared, values, text, expected in (
                # One begins as the other.
                ({'p': SECRET, 'q': SECRET},
                 {'p': 'secret', 'q': 'secretive'},
                 'secretive secret', '****** ******'),
                ({'p': SECRET}, {'p': ''}, 'text', 'text'),
                # It has no value.
                ({'p': SECRET}, {}, 'None is given', 'None is given'),
                # Nothing is known of the parameter.
                ({'p': OPEN}, {'gone': 'value'}, 'value', '******'),
                ({'p': OPEN}, {'gone': 'lepha'}, 'an elephant', 'an elephant'),
                # Within a word: only a short value that is not hidden may
                # be a part of it.
                ({'p': SECRET}, {'p': 'lepha'}, 'an elephant', 'an e******nt'),
                ({'p': OPEN}, {'p': 'elephant'}, 'my-elephants', 'my-******s'),
                ({'p': {'type': 'number', 'default': 80}}, {},
                 'port=80, not 8080', 'port=******, not 8080'),
                # It looks like the mask.
                ({'p': OPEN, 'q': OPEN}, {'p': 'elephant', 'q': '**'},
                 'a elephant', 'a ******'),
                ({'p': {'type': 'comma_delimited_list'}}, {'p': 'one, two'},
                 'no two in one, two', 'no ****** in ******'),
                *[({'p': {'type': 'json', 'hidden': True}}, {'p': value},
                   'neither one nor two', 'neither ****** nor ******')
                  for value in (['one', {'key': 'two'}],
                                '["one", {"key": "two"}]',
                                '{"key": "one", "other": "two"}')]):
            self.assertEqual(expected, self.hide(text, declared,
                                                 parameters=values))

    def test_a_default_of_the_environment(self):
        self.assertEqual('******', self.hide(
            'value', {'p': SECRET}, parameter_defaults={'p': 'value'}))

    def test_a_parameter_of_a_cfn_template(self):
        row = row_of({'Parameters': {'p': {
            'Type': 'String', 'NoEcho': 'true', 'Default': 'fallback'}}},
            parameters={'p': 'given'})
        self.assertEqual('a****** and ******', migrate_parameters.hide(
            'agiven and fallback', row))

    def test_a_value_that_is_written_in_another_way(self):
        for value in ('l\'été "x"', 'back\\slash', 'two\nlines', 'Ж'):
            for text in (value, repr(value)[1:-1], json.dumps(value)[1:-1]):
                self.assertEqual('not ****** here', self.hide(
                    'not %s here' % text, {'p': SECRET},
                    parameters={'p': value}))

    def test_a_long_text_is_cut_off_with_nothing_unhidden(self):
        value = 'secret-' * 10
        for before in range(migrate_parameters.LENGTH - 80,
                            migrate_parameters.LENGTH + 10, 7):
            text = self.hide('.' * before + value + '!' * 99, {'p': SECRET},
                             parameters={'p': value})
            self.assertNotIn('s', text)
            self.assertTrue(text.endswith(' [...]'))
            self.assertLess(len(text), migrate_parameters.LENGTH + 20)


def plainly(text, row):
    """As migrate_parameters.hide, with every value and no shortcut."""
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
    """A stack may have very many values."""

    def row(self, value, hidden=True, kind='json'):
        return row_of({'parameters': {'p': {'type': kind, 'hidden': hidden}}},
                      parameters={'p': value})

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
            # 0.2 seconds; trying every value takes 5 to 7 seconds.
            self.assertLess(time.process_time() - begun, 1)
            tracemalloc.start()
            self.addCleanup(tracemalloc.stop)
            migrate_parameters.hide(text, row)
            self.assertLess(tracemalloc.get_traced_memory()[1], 50e6)
            tracemalloc.stop()
