# SPDX-License-Identifier: Apache-2.0

"""Every template that Heat comes with, converted, updated and deleted.

In CI only a sample runs. With HEAT_TEST_CORPUS = a CSV file all run. The file
gets the number of each result, and a file beside it the templates.
"""

import collections
import copy
import csv
import logging
import os

from heat.db import models
from heat.engine import convergence_migrate
from heat.tests.functional.harness import synchronous
from heat.tests.functional.lockstep import corpus

CSV = os.environ.get('HEAT_TEST_CORPUS')

SAMPLE = 30  # templates in CI

THROUGH = 'created, converted, updated and deleted'
NOT_PARSED = 'left out: not a template that Heat can parse'
NOT_CREATED = 'left out: cannot be created by the legacy engine'
NOT_UPDATED = 'left out: cannot be updated, converted or not'


class LeftOut(Exception):
    """Heat cannot run a template: the last step, and the reason."""


class CorpusTest(synchronous.EngineTestCase):
    def setUp(self):
        super().setUp()
        # A failed create is logged with its traceback.
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_templates_live_on_after_the_conversion(self):
        found = corpus.collect()
        if not CSV:
            found = found[::len(found) // SAMPLE]
        ends, different = [], []
        for template in found:
            try:
                self.play(template)
                ends.append((template.where, THROUGH, None))
            except LeftOut as exc:
                ends.append((template.where, *exc.args))
            except Exception as exc:
                different.append('%s: %s' % (template.where, exc))
        counts = collections.Counter(how for _where, how, _why in ends)
        if CSV:
            _write(CSV, ('How it ended', 'Templates'),
                   sorted(counts.items()) + [('different', len(different))])
            _write(CSV.replace('.csv', '-left-out.csv'),
                   ('Template', 'Why'),
                   [(where, why) for where, how, why in ends
                    if how != THROUGH])
        self.assertEqual([], different)
        self.assertGreater(counts[THROUGH], len(found) // 2, counts)

    def play(self, found):
        """Create, convert, update and delete a stack of the template."""
        self.empty_database()
        try:
            template = found.parse()
            environment = corpus.environment(template)
        except Exception as exc:
            raise LeftOut(NOT_PARSED, _in_words(exc)) from exc
        stack = self.legacy(template, environment)
        self.convert(stack)
        self.assertEqual(
            (), convergence_migrate.verify(self.ctx, stack['stack_id'])[0])
        update = self.heat.update_stack, corpus.updated(template), environment
        end = self.end(stack, *update)
        if end != 'UPDATE_COMPLETE':
            native = self.create(copy.deepcopy(template), True,
                                 params=environment)
            self.assertEqual(self.end(native, *update), end)
            raise LeftOut(NOT_UPDATED, end)
        self.assertTrue(self.row(stack)['convergence'])
        self.assertIn(corpus.ADDED, [
            row['name'] for row in self.database.rows(
                models.Resource, stack_id=stack['stack_id'])])
        self.assertEqual('DELETE_COMPLETE',
                         self.end(stack, self.heat.delete_stack))
        self.assertEqual([], self.database.rows(
            models.Resource, stack_id=stack['stack_id']))

    def legacy(self, template, environment):
        try:
            stack = self.create(copy.deepcopy(template), convergence=False,
                                params=environment)
        except Exception as exc:
            raise LeftOut(NOT_CREATED, _in_words(exc)) from exc
        row = self.row(stack)
        if row['status'] != 'COMPLETE':
            raise LeftOut(NOT_CREATED, _in_one_line(row['status_reason']))
        return stack

    def end(self, stack, method, template=None, environment=None):
        """How an operation ends: in a state, or with an error."""
        args = () if template is None else (
            copy.deepcopy(template), environment, {},
            {'disable_rollback': True})
        try:
            method(self.ctx, stack, *args)
        except Exception as exc:
            return _in_words(exc)
        self.heat.run()
        return self.state(stack)


def _in_words(error):
    return _in_one_line('%s: %s' % (type(error).__name__, error))


def _in_one_line(text):
    return ' '.join(text.split())


def _write(path, header, rows):
    with open(path, 'w', newline='') as out:
        table = csv.writer(out, lineterminator='\n')
        table.writerow(header)
        table.writerows(rows)
