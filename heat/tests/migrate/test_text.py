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

    def test_a_plural_of_its_own(self):
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


class ErrorTest(common.HeatTestCase):

    def test_what_python_says_is_told_by_its_type_only(self):
        for error in (AttributeError("'NoneType' object"), KeyError('x'),
                      json.JSONDecodeError('m', 'd', 0), OSError(2, 'No'),
                      RecursionError('deep')):
            self.assertEqual('an unexpected %s' % type(error).__name__,
                             migrate_text.of_error(error))

    def test_what_heat_and_clients_say_is_told_in_one_line(self):
        self.assertEqual('Authorization failed',
                         migrate_text.of_error(
                             exception.AuthorizationFailure()))
        self.assertEqual('no trust. (HTTP 401)', migrate_text.of_error(
            ks_exceptions.Unauthorized('no\n  trust.')))

    def test_an_error_without_words(self):
        class Silent(Exception):
            pass
        self.assertEqual('Silent', migrate_text.of_error(Silent()))

    def test_the_standard_library_is_python_too(self):
        self.assertFalse(migrate_text.is_pythons(exception.Error('x')))
        self.assertTrue(migrate_text.is_pythons(json.JSONDecodeError(
            'm', 'd', 0)))
        if migrate_text.sys.version_info >= (3, 10):
            self.assertTrue(migrate_text.is_pythons(sqlite3.Error()))
