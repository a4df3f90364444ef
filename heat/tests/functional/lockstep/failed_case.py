# SPDX-License-Identifier: Apache-2.0

"""A case that plays a history and an operation on both kinds of stacks."""

import contextlib
import gc
import logging
import os

from oslo_config import cfg
from oslo_config import fixture as config_fixture
import sqlalchemy

from heat.common import exception
from heat.common.migrate import exception as migrate_exception
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import resource
from heat.tests.functional.harness import databases
from heat.tests.functional.harness.plugins import things as plugin
from heat.tests.functional.harness import reasons_page
from heat.tests.functional.harness import synchronous
from heat.tests.functional.harness import trees
from heat.tests.functional.lockstep import deaths
from heat.tests.functional.lockstep import lives


#: Run every operation after every history, not only a sample.
ALL = bool(os.environ.get('HEAT_TEST_FAILED'))
PART = 2

NEVER_CREATED = 'never created'

#: A fault of Heat's, natively too: a delete of a stack that is DELETE_COMPLETE
#: deletes the row, and then says that there is no such stack.
ALREADY_DELETED = exception.EntityNotFound


class FailedTestCase(synchronous.EngineTestCase):

    def setUp(self):
        super().setUp()
        self.lost = []
        for name, kind in plugin.resource_mapping().items():
            resource._register_class(name, kind)
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        # The collection after a death then takes no half a second.
        gc.freeze()
        self.addCleanup(gc.unfreeze)
        if self.backend == databases.SQLITE:
            self.foreign_keys = self.useFixture(
                databases.ForeignKeys(self.database.engine))

    @contextlib.contextmanager
    def engine_kind(self, convergence):
        cfg.CONF.set_override('convergence_engine', convergence)
        try:
            yield
        finally:
            cfg.CONF.set_override('convergence_engine', True)

    def convert_failed(self, identity):
        """Convert a stack; a nested one that is lost is deleted before."""
        try:
            return convergence_migrate.convert(
                self.ctx, identity['stack_id'], failed=True)
        except migrate_exception.UnreferencedNested as exc:
            lost = exc.kwargs['id']
        self.lost.append(lost)
        self.delete_nested(lost)
        return self.convert_failed(identity)

    def delete_nested(self, stack_id):
        self.heat.delete_stack(self.ctx, deaths.identity(
            self.database.rows(models.Stack, id=stack_id)[0]))
        self.heat.run()

    def allow_abandon(self):
        config = self.useFixture(config_fixture.Config())
        config.config(enable_stack_abandon=True, enable_stack_adopt=True)

    def encrypt(self):
        config = self.useFixture(config_fixture.Config())
        config.config(encrypt_parameters_and_properties=True)

    def assert_refused(self, life, reason):
        """A conversion is refused and changes no row; returns the refusal."""
        before = self.all_rows()
        refused = self.assertRaises(reason, life.convert)
        self.assertEqual(before, self.all_rows())
        return refused

    def all_rows(self):
        return [self.database.rows(model) for model in
                (models.Stack, models.Resource, models.RawTemplate)]

    def write(self, statement):
        """Change the database by hand, as the remedy of a refusal says."""
        with self.database.engine.begin() as connection:
            connection.execute(statement)

    def change_template(self, template_id, change):
        """Change a stored template by a function of it, which edits it."""
        stored, = self.database.rows(models.RawTemplate, id=template_id)
        change(stored['template'])
        self.write(sqlalchemy.update(models.RawTemplate).where(
            models.RawTemplate.id == template_id).values(
                template=stored['template']))

    def follow(self, word, *values, instead=None):
        """Change a row by a statement of the page of the reason codes."""
        if word.startswith('JSON_') and self.backend == databases.POSTGRESQL:
            self.skipTest('the statement is for MariaDB and MySQL')
        self.assertEqual(1, reasons_page.run(
            self.database.engine, word, *values, instead=instead))

    def mark_deleted(self, physical_id):
        """Mark the row of a resource as deleted."""
        row, = self.database.rows(models.Resource,
                                  physical_resource_id=physical_id)
        self.follow('UPDATE resource', row['stack_id'], physical_id)

    def resource_rows(self, identity):
        return trees.read(self.database, identity['stack_id']).resources

    def play(self, history, operation, convergence):
        life = lives.Life(self, convergence)
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
    """The fault of Heat's in a native twin, by name, or None.

    A check, suspend or resume that ends a failed stack leaves it *stuck*: see
    test_a_check_of_a_failed_stack. After a suspend a resource may be *never
    created*: see the test of that. A failed row that claims the
    template of a rollback is left *doubled*, or the rollback fails. Things
    that the rest of the stack uses are then deleted.
    """
    state = end['state'].partition('_')[2]
    paths = [path for path, *_ in end['living']]
    if state != 'COMPLETE':
        return 'stuck' if state == 'IN_PROGRESS' else 'failed'
    for what in ('leaked', 'lost', 'deleted in use', NEVER_CREATED):
        if end[what]:
            return what
    return 'doubled' if len(set(paths)) < len(paths) else None
