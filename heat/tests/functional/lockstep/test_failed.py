# SPDX-License-Identifier: Apache-2.0

"""A converted failed stack goes on as a failed convergence stack does."""

import contextlib
import json
import logging
import os

from oslo_config import cfg

from heat.db import api as db_api
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import resource
from heat import overlay
from heat.tests.functional.harness.plugins import things as plugin
from heat.tests.functional.harness import synchronous
from heat.tests.functional.harness import trees
from heat.tests.functional.lockstep import failures
from heat.tests import utils


#: Every operation after every history, and not only a part of them.
ALL = bool(os.environ.get('HEAT_TEST_FAILED'))
PART = 2


class FailedTestCase(synchronous.EngineTestCase):

    def setUp(self):
        super().setUp()
        for name, kind in plugin.resource_mapping().items():
            resource._register_class(name, kind)
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        # As servers do, and SQLite only when it is told.
        connection = utils.get_engine().raw_connection()
        connection.driver_connection.execute('PRAGMA foreign_keys=ON')
        connection.close()

    @contextlib.contextmanager
    def engine_kind(self, convergence):
        cfg.CONF.set_override('convergence_engine', convergence)
        try:
            yield
        finally:
            cfg.CONF.set_override('convergence_engine', True)

    def convert_failed(self, identity):
        return convergence_migrate.convert(self.ctx, identity['stack_id'],
                                           failed=True)

    def resource_rows(self, identity):
        return trees.read(self.database, identity['stack_id']).resources

    def play(self, history, operation, convergence):
        life = failures.Life(self, convergence)
        templates = history(life)
        life.state = self.state(life.identity)
        life.convert()
        life.error = None
        try:
            operation(life, *templates)
        except Exception as exc:
            life.error = type(exc).__name__
        return life

    def compare(self, history, operation):
        native, converted = (self.play(history, operation, convergence)
                             for convergence in (True, False))
        what = '%s, %s' % (history.__name__, operation.__name__)
        ends = native.end(), converted.end()
        if fault(ends[0]) and not fault(ends[1]):
            return native, converted
        self.assertEqual((native.error, ends[0]),
                         (converted.error, ends[1]), what)
        return native, converted

    def assert_sound(self, life, what):
        self.assertIsNone(fault(life.end()), what)


def fault(end):
    """What is wrong with a native twin: Heat's own faults by name, or None.

    A check, suspend or resume that ends a failed stack leaves it *stuck*: see
    test_a_check_of_a_failed_stack. A row that failed and claims the template
    of a rollback is left *doubled*, or the rollback fails; and what the rest
    of the stack uses is deleted.
    """
    state = end['state'].partition('_')[2]
    paths = [path for path, *_ in end['living']]
    if state != 'COMPLETE':
        return 'stuck' if state == 'IN_PROGRESS' else 'failed'
    for what in ('leaked', 'lost', 'deleted in use'):
        if end[what]:
            return what
    return 'doubled' if len(set(paths)) < len(paths) else None


class NamedTest(FailedTestCase):

    def begin(self, history, convergence=False):
        life = failures.Life(self, convergence)
        self.old, self.target = history(life)
        life.convert()
        return life

    def things_of(self, life, name):
        return [row['physical_resource_id'] for row in
                self.resource_rows(life.identity) if row['name'] == name]

    def sync_points(self, life):
        return self.database.rows(models.SyncPoint,
                                  stack_id=life.identity['stack_id'])

    def test_a_check_of_a_failed_stack(self):
        # Heat deletes the template that rows are at home in, and then
        # nothing that comes after: the sync points stay, natively.
        history = failures.update_failed_after_replacement
        for convergence in (True, False):
            life = self.begin(history, convergence)
            life.check()
            # Before Heat 26 a check is no traversal.
            self.assertEqual(
                convergence and overlay.release().converged_actions,
                bool(self.sync_points(life)))

    def test_a_patch_brings_about_the_failed_update(self):
        life = self.begin(failures.update_failed_after_replacement)
        life.patch()
        self.assertEqual('UPDATE_COMPLETE', self.state(life.identity))
        self.assertEqual(
            [(('a',), '1/y', False), (('b',), '2/x', False),
             (('c',), '2/x', False)], life.end()['living'])

    def test_the_old_template_after_a_failed_rollback_keeps_the_original(
            self):
        old = failures.template(
            p=failures.resource(), a=failures.resource(needs='p'),
            b=failures.resource(needs='a'))
        kept = []
        for convergence in (True, False):
            life = failures.Life(self, convergence)
            life.create(old)
            original, = self.things_of(life, 'a')
            # The rollback fails before it comes to a.
            life.failing(('b', 'update'))
            life.ledger.failing_then = {('p', 'update'), ('p', 'create')}
            life.update(failures.changed(
                old, p={'value': '2'}, a={'immutable': 'y'},
                b={'value': '2'}), rollback=True)
            self.assertEqual('ROLLBACK_FAILED', self.state(life.identity))
            self.assertEqual(2, sum(thing.path == ('a',) for thing in
                                    life.ledger.things.values()))
            life.convert()
            life.update(old)
            self.assertEqual('UPDATE_COMPLETE', self.state(life.identity))
            kept.append([original] == self.things_of(life, 'a'))
        self.assertEqual([True, True], kept)

    def test_what_gave_something_away_is_never_taken_back(self):
        old = failures.template(
            a=failures.resource(kind=plugin.PREPARED),
            b=failures.resource(needs='a'))
        life = failures.Life(self, convergence=False)
        life.create(old)
        life.failing(('a', 'create'))
        life.update(failures.changed(old, a={'immutable': 'y'}))
        life.convert()
        life.update(old)
        self.assertEqual([(('a',), '1/x', False), (('b',), '1/x', False)],
                         life.end()['living'])

    def test_purging_after_the_life_of_a_converted_stack(self):
        life = self.begin(failures.update_failed_after_replacement)
        self.purge()
        life.update(self.target)
        self.purge()
        life.delete()
        self.purge()
        self.assertEqual([], self.database.rows(models.Stack))
        self.assertEqual([], self.sync_points(life))

    def purge(self):
        """What heat-manage purge_deleted does, on the one connection."""
        db_api.purge_deleted(age=0, granularity='days')

    def test_verify_finds_nothing_in_what_was_converted(self):
        for history in (failures.create_failed,
                        failures.update_failed_after_replacement,
                        failures.rollback_failed,
                        failures.delete_failed_after_replacement):
            life = self.begin(history)
            self.assertEqual((), convergence_migrate.verify(
                self.ctx, life.identity['stack_id'])[0], history)

    def test_a_nested_stack_is_judged_by_itself(self):
        inner = failures.template(x=failures.resource(),
                                  y=failures.resource(needs='x'))
        files = {'inner.yaml': json.dumps(inner)}
        root = failures.template(n={'type': 'inner.yaml'})
        changed = {'inner.yaml': json.dumps(failures.changed(
            inner, x={'immutable': 'y'}, y={'value': '2'}))}
        ends = []
        for convergence in (True, False):
            life = failures.Life(self, convergence)
            life.create(root, files)
            life.failing(('y', 'update'))
            life.update(root, files=changed)
            self.assertEqual('UPDATE_FAILED', self.state(life.identity))
            life.convert()
            life.update(root, files=changed)
            ends.append(life.end())
            self.assert_sound(life, convergence)
        self.assertEqual(*ends)


class MatrixTest(FailedTestCase):
    """Each history with each operation; a part of them by default."""


def _make_test(history, operation):
    def test(self):
        if (history, operation) not in failures.DIFFERENT:
            self.compare(history, operation)
            return
        end = self.play(history, operation, convergence=False).end()
        self.assertEqual(([], [], []), (end['leaked'], end['lost'],
                                        end['deleted in use']))
    return test


def _add_tests():
    operations = failures.OPERATIONS
    for number, history in enumerate(failures.HISTORIES):
        for index, operation in enumerate(operations):
            if ALL or (index - 5 * number) % len(operations) < PART:
                setattr(MatrixTest, 'test_%s__%s' % (
                    history.__name__, operation.__name__),
                    _make_test(history, operation))


_add_tests()
