# SPDX-License-Identifier: Apache-2.0

"""Stacks whose legacy engine died at any moment are converted.

An engine dies by an exception that nothing catches, at one of the statements
by which it writes to the database. From then on it neither writes nor
touches anything. Another engine starts, and the stack is converted and used.
"""

import os

import fixtures
import sqlalchemy

from heat.db import models
from heat.tests.functional.lockstep import failures
from heat.tests.functional.lockstep import test_failed
from heat.tests import utils

#: Every moment, and not only a sample.
ALL = bool(os.environ.get('HEAT_TEST_FAILED'))
SAMPLE = 2  # moments of each operation

INNER = """
heat_template_version: 2018-08-31
parameters:
  value: {type: string}
  immutable: {type: string}
resources:
  x:
    type: Test::Physical
    properties:
      value: {get_param: value}
      immutable: {get_param: immutable}
  y:
    type: Test::Physical
    properties: {needs: [{get_resource: x}]}
"""

FILES = {'inner.yaml': INNER}


def tree(value, immutable):
    template = failures.template(
        a=failures.resource(value, immutable=immutable),
        b=failures.resource(value, needs='a'),
        n={'type': 'inner.yaml', 'depends_on': 'b', 'properties': {
            'value': value, 'immutable': immutable}})
    if value != '1':
        template['resources']['d'] = failures.resource(value, needs='b')
    return template


OLD, NEW = tree('1', 'x'), tree('2', 'y')
FAILING = failures.changed(NEW, d={'fail': 'create'})


class Killed(BaseException):
    """The engine is dead; nothing of Heat's catches this."""


class Death(fixtures.Fixture):
    """Lets the engine die at the Nth statement that writes.

    :ivar writes: how many there were
    """

    def __init__(self, at=None):
        self._at = at
        self.writes = 0

    def _setUp(self):
        listener = (utils.get_engine(), 'before_execute', self._count)
        sqlalchemy.event.listen(*listener)
        self.addCleanup(sqlalchemy.event.remove, *listener)
        self.useFixture(fixtures.MonkeyPatch(
            'heat.tests.functional.harness.plugins.things.Ledger.touch',
            lambda _ledger: self._die()))

    def _die(self):
        if self._at is not None and self.writes >= self._at:
            raise Killed()

    def _count(self, _connection, statement, *_args):
        if statement.is_dml:
            self.writes += 1
            self._die()


def create(life):
    life.create(OLD, FILES)


def update(life):
    life.update(NEW)


def roll_back(life):
    life.update(FAILING, rollback=True)


def delete(life):
    life.delete()


def _things(value, immutable):
    paths = [('a',), ('b',), ('n', 'x'), ('n', 'y')]
    if value != '1':
        paths.append(('d',))
    return sorted(paths)


class KilledTest(test_failed.FailedTestCase):

    def setUp(self):
        super().setUp()
        # There is one engine at a time here.
        self.useFixture(fixtures.MonkeyPatch(
            'heat.common.service_utils.engine_alive',
            lambda context, engine_id: False))

    def begin(self, operation):
        """A legacy stack to which the operation can be done."""
        self.empty_database()
        life = failures.Life(self, convergence=False)
        life.files = FILES
        if operation is not create:
            life.create(OLD, FILES)
        return life

    def moments(self, operation):
        with Death() as death:
            operation(self.begin(operation))
        if ALL:
            return range(1, death.writes + 1)
        step = death.writes // (SAMPLE + 1)
        return range(step, death.writes, step)

    def kill(self, operation, moment):
        """A stack that an engine left in the middle of an operation."""
        life = self.begin(operation)
        with Death(moment):
            try:
                operation(life)
            except Killed:
                pass
        del self.heat.queue[:]
        # How the locks of dead engines are taken over is another subject.
        with self.database.engine.begin() as connection:
            connection.execute(models.StackLock.__table__.delete())
        roots = self.database.rows(models.Stack, owner_id=None,
                                   deleted_at=None)
        if not roots:
            return None
        life.identity = {'stack_id': roots[0]['id'],
                         'stack_name': roots[0]['name'],
                         'tenant': roots[0]['tenant'], 'path': ''}
        self.heat._service.engine_id += '-again'
        self.heat.reset_stack_status()
        return life

    def is_lost_to_heat(self):
        """Whether there is a nested stack that no resource names yet.

        The engine died before it stored the id. No engine of Heat's, legacy or
        convergence, knows of such a stack any more.
        """
        named = {row['physical_resource_id']
                 for row in self.database.rows(models.Resource)}
        return any(row['owner_id'] and not row['backup'] and
                   row['id'] not in named
                   for row in self.database.rows(models.Stack,
                                                 deleted_at=None))

    def play_all(self, operation, then, living):
        for moment in self.moments(operation):
            life = self.kill(operation, moment)
            if life is None or self.is_lost_to_heat():
                continue
            what = '%s, moment %d, %s' % (operation.__name__, moment,
                                          self.state(life.identity))
            life.convert()
            try:
                then(life)
            except Exception as exc:
                if self.row(life.identity)['action'] != 'DELETE':
                    raise
                # Heat does not update what was to be deleted.
                self.assertEqual('NotSupported', type(exc).__name__, what)
                continue
            end = life.end()
            self.assertEqual(
                ('COMPLETE', [], [], []),
                (end['state'].partition('_')[2], end['leaked'], end['lost'],
                 end['deleted in use']), what)
            self.assertEqual(living, [path for path, *_ in end['living']],
                             what)


def _add_tests():
    thens = {'target': (lambda life: life.update(NEW), _things('2', 'y')),
             'old': (lambda life: life.update(OLD), _things('1', 'x')),
             'delete': (lambda life: life.delete(), [])}
    for operation in (create, update, roll_back, delete):
        for name, (then, living) in thens.items():
            def test(self, operation=operation, then=then, living=living):
                self.play_all(operation, then, living)
            setattr(KilledTest, 'test_%s__%s' % (operation.__name__, name),
                    test)


_add_tests()
