# SPDX-License-Identifier: Apache-2.0

"""The reasons for leaving a stack unchanged, as operators see them."""

import inspect
import pathlib
import re
import string

from heat.common.migrate import exception as migrate_exception
from heat.tests import common

REASONS = pathlib.Path(__file__).parents[3] / (
    'doc/source/reference/reasons.rst')


def reasons():
    return [value for _name, value in inspect.getmembers(
        migrate_exception, inspect.isclass)
        if issubclass(value, migrate_exception.MigrationRefused)]


def _whole(reason):
    """The text of a reason, with the values that other reasons share."""
    text = str(reason.msg_fmt)
    for name, sentence in reason.sentences.items():
        text = text.replace('%%(%s)s' % name, str(sentence))
    return text


class ReasonsTest(common.HeatTestCase):

    def test_each_code_is_documented_with_its_remedy(self):
        documented = dict(re.findall(r'\* - ``(\w+)``\n +- (yes|no)\n',
                                     REASONS.read_text()))
        self.assertEqual(
            {reason.code: 'yes' if reason.transient else 'no'
             for reason in reasons()}, documented)

    def test_each_says_which_stack_it_is_about(self):
        for reason in reasons():
            self.assertIn('%(stack)s', str(reason.msg_fmt), reason)

    def test_each_is_one_line_that_ends_like_a_sentence(self):
        for reason in reasons():
            if reason is not migrate_exception.MigrationRefused:
                self.assertRegex(_whole(reason), r'^[^\n]+\.$')

    def test_a_code_is_a_word_for_programs(self):
        for reason in reasons():
            self.assertEqual(set(), set(reason.code).difference(
                string.ascii_lowercase + '_'), reason)
