# SPDX-License-Identifier: Apache-2.0

"""Stacks whose legacy engine died at any moment are converted.

Another engine starts, and the stack is converted and used.
"""

import os
import pkgutil

import fixtures

from heat.common import exception
from heat.db import models
from heat.tests.functional.lockstep import chains
from heat.tests.functional.lockstep import deaths
from heat.tests.functional.lockstep import failed_case
from heat.tests.functional.lockstep import lives

#: Run every moment, not only a sample.
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
    template = chains.template(
        a=chains.resource(value, immutable=immutable),
        b=chains.resource(value, needs='a'),
        n={'type': 'inner.yaml', 'depends_on': 'b', 'properties': {
            'value': value, 'immutable': immutable}})
    if value != '1':
        template['resources']['d'] = chains.resource(value, needs='b')
    return template


OLD, NEW = tree('1', 'x'), tree('2', 'y')
FAILING = chains.changed(NEW, d={'fail': 'create'})


def create(life):
    life.create(OLD, FILES)


def update(life):
    life.update(NEW)


def roll_back(life):
    life.update(FAILING, rollback=True)


def delete(life):
    life.delete()


def _things(value, immutable):
    """What the ledger has of a :func:`tree`."""
    both = '%s/%s' % (value, immutable)
    values = {'a': both, 'b': value + '/x'}
    if value != '1':
        values['d'] = value + '/x'
    return lives.living(**values) + [
        (('n', 'x'), both, False), (('n', 'y'), '/', False)]


class KilledTestCase(failed_case.FailedTestCase):
    """Kills an engine in the middle of an operation.

    :cvar OLD: the template that a stack has before the operation
    :cvar FILES: the files of all templates
    """

    OLD, FILES = OLD, FILES

    def setUp(self):
        super().setUp()
        self.useFixture(deaths.one_engine_at_a_time())

    def begin(self, operation, convergence=False):
        """A stack that allows the operation."""
        self.empty_database()
        life = lives.Life(self, convergence)
        life.files = self.FILES
        if operation is not create:
            life.create(self.OLD, self.FILES)
        return life

    def moments(self, operation):
        life = self.begin(operation)
        with deaths.Death() as death:
            operation(life)
        if ALL:
            return range(1, death.writes + 1)
        step = death.writes // (SAMPLE + 1)
        return range(step, death.writes, step)

    def kill(self, operation, moment, convergence=False):
        """A stack that an engine left in the middle of an operation."""
        life = self.begin(operation, convergence)
        died = deaths.kill(self, lambda: operation(life),
                           deaths.Death(moment))
        life.identity = deaths.root_identity(self)
        return life if died and life.identity else None

    def find_moments(self, operation, name, method, convergence=False):
        """The writes of an operation that a method is called for.

        :param name: the method that is noted, and called
        :param method: called with its arguments; whether it is the one
        """
        found = []
        original = pkgutil.resolve_name(name)

        def note(*args):
            if method(*args):
                found.append(death.writes + 1)
            return original(*args)

        life = self.begin(operation, convergence)
        with fixtures.MonkeyPatch(name, note), deaths.Death() as death:
            operation(life)
        return found

    def find_moment(self, *args):
        """The first of these writes."""
        return self.find_moments(*args)[0]

    def play_all(self, operation, then, living):
        killed = 0
        for moment in self.moments(operation):
            life = self.kill(operation, moment)
            if life is None:
                continue
            killed += 1
            state = self.state(life.identity)
            what = '%s, moment %d, %s' % (operation.__name__, moment, state)
            self.convert(life)
            try:
                then(life)
            except Exception as exc:
                if self.row(life.identity)['action'] != 'DELETE':
                    raise
                self.assertIsInstance(exc, _answer(state, then), what)
                if then is delete:
                    self.assert_nothing_left(life)
                continue
            end = life.end()
            self.assertEqual(
                ('COMPLETE', [], [], []),
                (end['state'].partition('_')[2], end['leaked'], end['lost'],
                 end['deleted in use']), what)
            self.assertEqual(living, end['living'], what)
        self.assertGreaterEqual(killed, SAMPLE)

    def convert(self, life):
        life.convert()

    def assert_nothing_left(self, life):
        self.assertEqual({}, life.ledger.things)
        self.assertEqual([], self.database.rows(models.Stack,
                                                deleted_at=None))


def _answer(state, then):
    """The exception of Heat's after a delete that was interrupted."""
    if state == 'DELETE_COMPLETE' and then is delete:
        return failed_case.ALREADY_DELETED
    # No update is possible any more.
    return exception.NotSupported


class KilledTest(KilledTestCase):
    """Each operation, with each one after; a part of the moments."""


class NestedTest(KilledTestCase):

    def test_a_lost_one_is_refused_and_nothing_is_left_once_it_is_deleted(
            self):
        # Killed before it stores the id of the nested stack.
        life = self.kill(create, self.find_moment(
            create, 'heat.engine.resource.Resource.resource_id_set',
            lambda rsrc, physical_id: rsrc.name == 'n'))
        life.convert()
        self.assertEqual(1, len(self.lost))
        life.update(NEW)
        self.assertEqual(([], _things('2', 'y')), (
            life.end()['leaked'], life.end()['living']))
        life.delete()
        self.assertEqual({}, life.ledger.things)

    def test_a_deleted_one_is_converted_and_deleted_again(self):
        # Killed before the row of the nested stack is deleted.
        life = self.kill(delete, self.find_moment(
            delete, 'heat.db.api.stack_delete', lambda *args: True))
        nested, = self.database.rows(models.Stack, deleted_at=None,
                                     owner_id=life.identity['stack_id'],
                                     backup=False)
        self.assertEqual(('DELETE', 'COMPLETE'),
                         (nested['action'], nested['status']))
        life.convert()
        life.delete()
        self.assert_nothing_left(life)


class BeginningToUseTest(KilledTestCase):
    """An update adds d, and lets b use it."""

    OLD = chains.template(b=chains.resource(), c=chains.resource(needs='b'))
    NEW = chains.changed(OLD, b={'needs': [{'get_resource': 'd'}]},
                         c={'value': '2'})
    NEW['resources']['d'] = chains.resource()

    def update(self, life):
        life.update(self.NEW)

    def kill_at_templates(self):
        """Kill when it stores a template: in between, b has used d already.

        :yields: each stack, after its conversion
        """
        for moment in self.find_moments(
                self.update, 'heat.engine.template.Template.store',
                lambda *_args: True):
            life = self.kill(self.update, moment)
            life.convert()
            yield life

    def assert_sound_after_all(self, operation, living):
        used = 0
        for life in self.kill_at_templates():
            self.assertEqual(set(), life.forgotten)
            used += any(thing.uses and thing.path == ('b',)
                        for thing in life.ledger.things.values())
            operation(life)
            self.assert_sound(life, operation)
            self.assertEqual(living, life.ledger.living())
        self.assertGreater(used, 1)

    def test_the_old_template(self):
        self.assert_sound_after_all(lambda life: life.update(self.OLD),
                                    lives.living(b='1/x', c='1/x'))

    def test_the_new_template(self):
        self.assert_sound_after_all(
            self.update, lives.living(b='1/x', c='2/x', d='1/x'))


class NeverCreatedTest(KilledTestCase):

    def kill_early(self):
        """A stack whose engine died before it created a resource.

        An update makes the rows that it replaces UPDATE_COMPLETE.
        """
        life = self.kill(create, self.find_moment(
            create, 'heat.engine.resource.Resource.create',
            lambda _rsrc: True))
        self.assertEqual({}, life.ledger.things)
        return life

    def test_a_rollback_of_the_legacy_engine_takes_it_back(self):
        life = self.kill_early()
        life.update(FAILING, rollback=True)
        self.assertEqual('ROLLBACK_COMPLETE', self.state(life.identity))
        self.assertIn('a', life.end()['never created'])

    def test_what_an_update_replaced_is_created_by_the_next_one(self):
        life = self.kill_early()
        life.failing(('a', 'create'))
        life.update(OLD)
        self.assertEqual('UPDATE_FAILED', self.state(life.identity))
        life.convert()
        life.update(OLD)
        end = life.end()
        self.assertEqual(('UPDATE_COMPLETE', []),
                         (end['state'], end['never created']))
        self.assertEqual(_things('1', 'x'), end['living'])


class DeletedTest(KilledTestCase):

    def test_a_delete_of_a_deleted_stack_deletes_its_row_and_denies_it(self):
        # Killed before the row of the root stack is deleted.
        for convergence in (True, False):
            life = self.kill(delete, self.find_moment(
                delete, 'heat.db.api.stack_delete',
                lambda _context, stack_id: stack_id == deaths.root_identity(
                    self)['stack_id'], convergence), convergence)
            self.assertEqual('DELETE_COMPLETE', self.state(life.identity))
            life.convert()
            self.assertRaises(failed_case.ALREADY_DELETED, life.delete)
            self.assert_nothing_left(life)


def add_tests(case, operations, thens):
    """Add a test for each operation with each one after it.

    :param thens: {name: the operation after it, and what the ledger has then}
    """
    for operation in operations:
        for name, (then, living) in thens.items():
            def test(self, operation=operation, then=then, living=living):
                self.play_all(operation, then, living)
            setattr(case, 'test_%s__%s' % (operation.__name__, name), test)


add_tests(KilledTest, (create, update, roll_back, delete), {
    'target': (update, _things('2', 'y')),
    'old': (lambda life: life.update(OLD), _things('1', 'x')),
    'delete': (delete, [])})
