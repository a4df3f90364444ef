# SPDX-License-Identifier: Apache-2.0

"""Failed stacks that --failed refuses, and the remedy of each refusal."""

import json

from oslo_utils import uuidutils
import sqlalchemy

from heat.common import exception
from heat.common.migrate import exception as migrate_exception
from heat.db import models
from heat.tests.functional.harness import databases
from heat.tests.functional.harness.plugins import things
from heat.tests.functional.lockstep import chains
from heat.tests.functional.lockstep import failed_case
from heat.tests.functional.lockstep import lives

_INNER = chains.template(x=chains.resource())
_FILES = {'inner.yaml': json.dumps(_INNER)}


def circle():
    """The old b uses a, and the new a uses b; both are replaced."""
    old = chains.template(
        a=chains.resource(), b=chains.resource(needs='a'),
        c=chains.resource(needs='b'))
    new = chains.template(
        a=chains.resource(needs='b', immutable='y'),
        b=chains.resource(immutable='y'),
        c=chains.resource(value='2', needs='a'))
    return old, new


class BadInputTestCase(failed_case.FailedTestCase):

    def begin(self, old, new, convergence=False, files=None):
        """A stack whose update failed in c, with a backup stack."""
        life = lives.Life(self, convergence)
        life.create(old, files)
        life.failing(('c', 'update'))
        life.update(new)
        self.assertEqual('UPDATE_FAILED', self.state(life.identity))
        life.failing()
        return life

    def assert_refused_with(self, words, life, reason):
        self.assertIn(words, str(self.assert_refused(life, reason)))

    def update_legacy(self, life, new):
        """Follow a remedy, and see that it helps."""
        life.update(new)
        life.convert()
        self.update_and_delete(life, new)

    def update_and_delete(self, life, new):
        """See that nothing is lost or left."""
        life.update(new)
        end = life.end()
        self.assertEqual(
            ('UPDATE_COMPLETE', ['a', 'b', 'c'], [], []),
            (end['state'], [path[0] for path, *_ in end['living']],
             end['leaked'], end['lost']))
        life.delete()
        self.assertEqual({}, life.ledger.things)

    def backup_rows(self, life):
        backup, = self.database.rows(
            models.Stack, owner_id=life.identity['stack_id'], backup=True,
            deleted_at=None)
        return backup['id'], self.database.rows(
            models.Resource, stack_id=backup['id'])


class BadInputTest(BadInputTestCase):

    def test_a_circle_through_replaced_resources(self):
        life = self.begin(*circle())
        self.assert_refused_with('update the stack', life,
                                 migrate_exception.CircularBackup)
        self.update_legacy(life, circle()[1])

    def test_such_a_circle_in_a_native_stack(self):
        life = self.begin(*circle(), convergence=True)
        life.delete()
        row = self.row(life.identity)
        self.assertEqual(('DELETE', 'FAILED'), (row['action'], row['status']))
        self.assertIn('Circular Dependency', row['status_reason'])

    def test_two_resources_of_one_name(self):
        life = self.begin(chains.OLD, chains.REPLACING)
        _backup_id, (row,) = self.backup_rows(life)
        thing = life.ledger.things[row['physical_resource_id']]
        second = life.ledger.reserve('a')
        life.ledger.create(second, things.Thing(thing.path, '1', set()))
        del row['id']
        row.update(uuid=uuidutils.generate_uuid(),
                   physical_resource_id=second)
        # An attribute need not have the name of its column.
        self.write(sqlalchemy.insert(models.Resource).values({
            getattr(models.Resource, name).expression: value
            for name, value in row.items()}))
        self.assert_refused_with(second, life, migrate_exception.TwoInBackup)
        del life.ledger.things[second]
        self.mark_deleted(second)
        life.convert()
        self.update_and_delete(life, chains.REPLACING)

    def test_a_nested_stack_of_a_backup_stack(self):
        old = chains.changed(chains.OLD)
        old['resources']['b'] = {'type': 'inner.yaml', 'depends_on': 'a'}
        life = self.begin(old, chains.REPLACING, files=_FILES)
        backup_id, rows = self.backup_rows(life)
        nested, = [row['physical_resource_id'] for row in rows
                   if row['name'] == 'b']
        self.write(sqlalchemy.update(models.Stack).where(
            models.Stack.id == nested).values(owner_id=backup_id))
        self.assert_refused_with('update the stack', life,
                                 migrate_exception.StackInBackup)
        self.update_legacy(life, chains.REPLACING)


class TemplateTest(BadInputTestCase):
    """A template is damaged, or lost with a part of the database."""

    def setUp(self):
        super().setUp()
        self.life = self.begin(chains.OLD, chains.REPLACING)
        row = self.row(self.life.identity)
        self.last, self.merged = (self.stored(row[column]) for column in (
            'prev_raw_template_id', 'raw_template_id'))
        backup_id, _rows = self.backup_rows(self.life)
        backup, = self.database.rows(models.Stack, id=backup_id)
        self.of_backup = self.stored(backup['raw_template_id'])

    def stored(self, template_id):
        row, = self.database.rows(models.RawTemplate, id=template_id)
        return row

    def damage(self, stored):
        self.write(sqlalchemy.update(models.RawTemplate).where(
            models.RawTemplate.id == stored['id']).values(
                template={'no': 'version'}))

    def lose(self, stored):
        if self.backend != databases.SQLITE:
            self.skipTest('a server refuses to delete what is in use')
        with self.foreign_keys.off():
            self.write(sqlalchemy.delete(models.RawTemplate).where(
                models.RawTemplate.id == stored['id']))

    def assert_last_refused(self, words):
        self.assert_refused_with(words, self.life,
                                 migrate_exception.InvalidLastTemplate)

    def test_an_update_replaces_a_damaged_template_of_the_last_update(self):
        self.damage(self.last)
        self.assert_last_refused('Update the stack with a whole template')
        # This is no remedy.
        self.assertRaises(exception.HeatException, self.life.patch)
        self.update_legacy(self.life, chains.REPLACING)

    def test_an_update_replaces_a_lost_template_of_the_last_update(self):
        self.lose(self.last)
        self.assert_last_refused('Update the stack with a whole template')
        self.update_legacy(self.life, chains.REPLACING)

    def test_a_lost_template_is_restored(self):
        self.lose(self.last)
        self.assert_last_refused('restore that template')
        self.insert(self.last)
        self.life.convert()
        self.update_and_delete(self.life, chains.REPLACING)

    def assert_restored(self, stored, spoil, restore):
        spoil(stored)
        self.assert_refused_with(
            'template %s of stack' % stored['id'], self.life,
            migrate_exception.InvalidMergedTemplate)
        restore(stored)
        self.life.convert()
        self.update_and_delete(self.life, chains.REPLACING)

    def repair(self, stored):
        self.write(sqlalchemy.update(models.RawTemplate).where(
            models.RawTemplate.id == stored['id']).values(
                template=stored['template']))

    def insert(self, stored):
        self.write(sqlalchemy.insert(models.RawTemplate).values(stored))

    def test_a_damaged_merged_template_is_restored(self):
        self.assert_restored(self.merged, self.damage, self.repair)

    def test_a_damaged_template_of_a_backup_stack_is_restored(self):
        self.assert_restored(self.of_backup, self.damage, self.repair)

    def test_a_lost_template_of_a_backup_stack_is_restored(self):
        self.assert_restored(self.of_backup, self.lose, self.insert)

    def test_an_update_does_not_repair_them(self):
        self.damage(self.of_backup)
        self.life.update(chains.REPLACING)
        self.assertEqual('UPDATE_FAILED', self.state(self.life.identity))
        self.damage(self.merged)
        self.assertRaises(exception.HeatException, self.life.update,
                          chains.REPLACING)

    def test_without_resources_a_backup_stack_needs_no_template(self):
        self.empty_database()
        life = self.begin(chains.OLD, chains.NEW)
        backup_id, rows = self.backup_rows(life)
        self.assertEqual([], rows)
        backup, = self.database.rows(models.Stack, id=backup_id)
        self.damage({'id': backup['raw_template_id']})
        life.convert()
        self.update_and_delete(life, chains.NEW)
