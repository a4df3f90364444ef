# SPDX-License-Identifier: Apache-2.0

import json
import sqlite3

from keystoneauth1 import exceptions as ks_exceptions

from heat.common import exception
from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import text as migrate_text
from heat.tests import common


class CountTest(common.HeatTestCase):

    def test_one_is_singular_and_every_other_number_plural(self):
        self.assertEqual(
            ['0 stacks', '1 stack', '2 stacks'],
            [migrate_text.count(number, 'stack') for number in range(3)])
        self.assertEqual(
            ['0 dependencies', '1 dependency'],
            [migrate_text.count(number, 'dependency', 'dependencies')
             for number in range(2)])


class PrintableTest(common.HeatTestCase):

    def test_what_ends_a_line_or_steers_a_terminal_is_escaped(self):
        for raw, shown in (('a\nb', r'a\nb'), ('\x1b[2J', r'\x1b[2J'),
                           ('\r', r'\r'), ('\x00', r'\x00'),
                           ('\u2028', r'\u2028'), ('\u202e', r'\u202e'),
                           ('\udc80', r'\udc80'), ('\x85', r'\x85')):
            self.assertEqual(shown, migrate_text.printable(raw))

    def test_any_other_text_stays(self):
        for text in ('', 'web-1 (a b)', 'Ж 漢 é', r'C:\new'):
            self.assertEqual(text, migrate_text.printable(text))

    def test_a_reason_holds_escaped_names(self):
        refused = migrate_exception.UnknownResourceType(
            stack='web\n', type='a\tb', resource='\x1b[31mred')
        self.assertTrue(str(refused).isprintable())
        self.assertIn(r'\x1b[31mred', str(refused))


class SameReasonTest(common.HeatTestCase):

    def test_the_id_of_a_request_and_an_address_do_not_count(self):
        for text in ('No access (Request-ID: req-%s)', '<Port at 0x%.8s>',
                     # As an event may cut it.
                     'No access (Request-ID: req-%.5s'):
            self.assertTrue(migrate_text.same_reason(
                text % '1f0c9b42-5a6d-4f0c-9e8b-7a6d5c4b3a29',
                text % 'aa417e00-0b1d-4d4e-9c3b-7e0a1c2b3d4e'), text)

    def test_all_else_counts(self):
        for one, other in (('no port a', 'no port b'), ('', 'x'),
                           ('no port 0x1', 'no subnet 0x1'),
                           ('port req-a is gone', 'port req-b is gone'),
                           ('port 0x1 is gone', 'port 0x2 is gone')):
            self.assertFalse(migrate_text.same_reason(one, other))


class ErrorTest(common.HeatTestCase):

    def test_an_error_of_python_is_shown_by_its_type_only(self):
        for error in (AttributeError("'NoneType' object"), KeyError('x'),
                      json.JSONDecodeError('m', 'd', 0), OSError(2, 'No'),
                      RecursionError('deep')):
            self.assertEqual('an unexpected %s' % type(error).__name__,
                             migrate_text.of_error(error))

    def test_an_error_of_heat_or_a_client_is_one_line(self):
        class Silent(Exception):
            pass
        for error, text in (
                (exception.AuthorizationFailure(), 'Authorization failed'),
                (ks_exceptions.Unauthorized('no\n  trust.'),
                 'no trust. (HTTP 401)'),
                # It has no words.
                (Silent(), 'Silent')):
            self.assertEqual(text, migrate_text.of_error(error))

    def test_the_standard_library_is_python_too(self):
        self.assertFalse(migrate_text.is_pythons(exception.Error('x')))
        self.assertTrue(migrate_text.is_pythons(json.JSONDecodeError(
            'm', 'd', 0)))
        if migrate_text.sys.version_info >= (3, 10):
            self.assertTrue(migrate_text.is_pythons(sqlite3.Error()))
