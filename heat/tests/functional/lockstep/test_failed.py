# SPDX-License-Identifier: Apache-2.0

"""A converted failed stack behaves as a failed convergence stack."""

import copy
import json

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db import models
from heat.engine import convergence_migrate
from heat import overlay
from heat.tests.functional.harness.plugins import things as plugin
from heat.tests.functional.lockstep import afterwards
from heat.tests.functional.lockstep import chains
from heat.tests.functional.lockstep import failed_case
from heat.tests.functional.lockstep import failures
from heat.tests.functional.lockstep import lives


class NamedTest(failed_case.FailedTestCase):

    def begin(self, history, convergence=False):
        life = lives.Life(self, convergence)
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
        # Heat deletes the template of these rows, and then fails: the sync
        # points stay, natively too.
        history = failures.update_failed_after_replacement
        for convergence in (True, False):
            life = self.begin(history, convergence)
            life.check()
            # Before Heat 26 a check is not a traversal.
            self.assertEqual(
                convergence and overlay.release().converged_actions,
                bool(self.sync_points(life)))

    def test_a_check_of_what_an_update_has_begun(self):
        # It makes b COMPLETE, of which nobody knows how far its update came.
        # An update to the old template then changes nothing: natively too.
        old = chains.template(b=chains.resource())
        new = chains.changed(old, b={'value': '2'})
        for convergence in (True, False):
            for to, action in ((old, 'CHECK'), (new, 'UPDATE')):
                life = lives.Life(self, convergence)
                life.create(old)
                life.failing(('b', 'update'))
                life.update(new)
                life.convert()
                life.check()
                self.assertEqual('CHECK_COMPLETE', self.state(life.identity))
                life.update(to)
                row, = self.resource_rows(life.identity)
                self.assertEqual((action, 'COMPLETE'),
                                 (row['action'], row['status']))

    def test_a_resume_that_fails_before_it_reaches_a_nested_stack(self):
        # The suspend reaches n first and then fails at b, natively too.
        inner = {'inner.yaml': json.dumps(
            chains.template(x=chains.resource()))}
        old = chains.template(
            b=chains.resource(), n={'type': 'inner.yaml', 'depends_on': 'b'})
        new = chains.changed(old, b={'value': '2'})
        for convergence in (True, False):
            self.empty_database()
            life = lives.Life(self, convergence)
            life.create(old, inner)
            life.failing(('b', 'update'))
            life.update(new)
            life.convert()
            afterwards.suspend_resume_target(life, old, new)
            self.assertEqual('UPDATE_FAILED', self.state(life.identity))
            self.assertIn('Updating a stack when it is suspended',
                          self.row(life.identity)['status_reason'])
            # By the remedy of the guide.
            life.resume_nested()
            life.update(new)
            self.assertEqual('UPDATE_COMPLETE', self.state(life.identity))
            self.assert_sound(life, convergence)

    def test_what_had_failed_before_its_replacement_is_never_taken_back(self):
        for convergence in (True, False):
            life = lives.Life(self, convergence)
            life.failing(('b', 'create'))
            life.create()
            life.update(chains.OLD)
            failed = {physical_id for physical_id, thing in
                      life.ledger.things.items() if thing.path == ('b',)}
            self.assertEqual(2, len(failed))
            life.convert()
            life.update(chains.OLD)
            self.assertEqual('UPDATE_COMPLETE', self.state(life.identity))
            self.assertEqual(set(), failed & life.ledger.things.keys())
            self.assert_sound(life, convergence)

    def test_what_an_environment_has_protected_is_taken_back(self):
        # Its last event says UPDATE_FAILED, although it has not failed.
        new = copy.deepcopy(chains.OLD)
        new['resources']['a'] = {'type': 'OS::Heat::TestResource',
                                 'properties': {'fail': True}}
        for convergence in (True, False):
            life = lives.Life(self, convergence)
            life.create()
            original, = self.things_of(life, 'a')
            life.update(new, params={'resource_registry': {'resources': {
                'a': {'restricted_actions': 'replace'}}}})
            self.assertIn('restricted',
                          self.row(life.identity)['status_reason'])
            life.update(new)
            life.convert()
            life.update(chains.OLD)
            self.assertEqual([original], self.things_of(life, 'a'))

    def test_what_reads_a_changed_mapping(self):
        # The failed update has changed only a mapping of c, and has not
        # reached it. So its row seems to be up to the template.
        life = lives.Life(self, convergence=False)
        life.create(failures.with_mappings(a='1/x', b='1/x', c='1/x'))
        new = failures.with_mappings(a='1/x', b='2/x', c='1/y')
        life.failing(('b', 'update'))
        life.update(new)
        life.convert()
        life.failing(('a', 'update'))
        life.update(failures.with_mappings(a='3/x', b='2/x', c='1/y'),
                    rollback=True)
        self.assertEqual('ROLLBACK_COMPLETE', self.state(life.identity))
        self.assertEqual(2, len(self.things_of(life, 'c')))
        life.failing()
        life.update(new)
        self.assertEqual(lives.living(a='1/x', b='2/x', c='1/y'),
                         life.end()['living'])

    def test_a_patch_brings_about_the_failed_update(self):
        life = self.begin(failures.update_failed_after_replacement)
        life.patch()
        self.assertEqual('UPDATE_COMPLETE', self.state(life.identity))
        self.assertEqual(lives.living(a='1/y', b='2/x', c='2/x'),
                         life.end()['living'])

    def fail_early_in_a_rollback(self, life):
        """Fail before the rollback comes to a, which has been replaced.

        :returns: the old template, and the replaced thing of a
        """
        old = chains.template(
            p=chains.resource(), a=chains.resource(needs='p'),
            b=chains.resource(needs='a'))
        life.create(old)
        original, = self.things_of(life, 'a')
        life.failing(('b', 'update'))
        life.ledger.failing_then = {('p', 'update'), ('p', 'create')}
        life.update(chains.changed(
            old, p={'value': '2'}, a={'immutable': 'y'}, b={'value': '2'}),
            rollback=True)
        self.assertEqual('ROLLBACK_FAILED', self.state(life.identity))
        return old, original

    def test_the_old_template_after_a_failed_rollback_keeps_the_original(
            self):
        kept = []
        for convergence in (True, False):
            life = lives.Life(self, convergence)
            old, original = self.fail_early_in_a_rollback(life)
            self.assertEqual(2, sum(thing.path == ('a',) for thing in
                                    life.ledger.things.values()))
            life.convert()
            life.update(old)
            self.assertEqual('UPDATE_COMPLETE', self.state(life.identity))
            kept.append([original] == self.things_of(life, 'a'))
        self.assertEqual([True, True], kept)

    def test_the_template_after_a_failed_rollback_is_the_old_one(self):
        life = lives.Life(self, convergence=False)
        old, _original = self.fail_early_in_a_rollback(life)
        life.convert()
        self.assertIn('the template from before the failed update is restored',
                      str(life.plan))
        self.assertEqual(old['resources'], self.heat.get_template(
            self.ctx, life.identity)['resources'])

    def test_nothing_is_said_of_a_template_after_an_update_that_completed(
            self):
        for history in (failures.resume_failed_after_update,
                        failures.snapshot_failed):
            self.assertNotIn('template', str(self.begin(history).plan))

    def test_nothing_is_said_of_one_that_only_its_encryption_changes(self):
        self.encrypt()
        old = dict(chains.OLD, parameters={
            'secret': {'type': 'string', 'hidden': True}})
        life = lives.Life(self, convergence=False)
        life.create(old, params={'secret': 'x'})
        life.update(chains.changed(old, a={'value': '2'}),
                    params={'secret': 'x'})
        life.failing(('b', 'check'))
        life.check()
        life.convert()
        self.assertNotIn('template', str(life.plan))

    def test_a_resource_that_gave_its_value_away_is_never_taken_back(self):
        old = chains.template(
            a=chains.resource(kind=plugin.PREPARED),
            b=chains.resource(needs='a'))
        life = lives.Life(self, convergence=False)
        life.create(old)
        life.failing(('a', 'create'))
        life.update(chains.changed(old, a={'immutable': 'y'}))
        life.convert()
        life.update(old)
        self.assertEqual(lives.living(a='1/x', b='1/x'),
                         life.end()['living'])

    def test_a_resource_that_a_condition_has_switched_off_is_refused(self):
        template = chains.with_condition()
        life = lives.Life(self, convergence=False)
        life.create(template, params={'flag': True})
        life.failing(('a', 'update'))
        life.update(chains.changed(template, a={'value': '2'}),
                    params={'flag': False})
        orphan, = self.things_of(life, 'c')
        self.assertIn(orphan, str(self.assert_refused(
            life, migrate_exception.OrphanResources)))
        # No update helps, because the legacy engine no longer has it.
        life.failing()
        life.update(template, params={'flag': True})
        self.assertRaises(migrate_exception.OrphanResources, life.convert)
        # By the remedy of the message.
        del life.ledger.things[orphan]
        self.mark_deleted(orphan)
        life.convert()
        life.delete()
        self.assertEqual({}, life.ledger.things)

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
        """As heat-manage purge_deleted, on the one connection."""
        db_api.purge_deleted(age=0, granularity='days')

    def test_verify_finds_nothing_in_converted_stacks(self):
        for history in (failures.create_failed,
                        failures.update_failed_after_replacement,
                        failures.rollback_failed,
                        failures.delete_failed_after_replacement):
            life = self.begin(history)
            self.assertEqual((), convergence_migrate.verify(
                self.ctx, life.identity['stack_id'])[0], history)

    def test_a_nested_stack_is_judged_by_itself(self):
        inner = chains.template(x=chains.resource(),
                                y=chains.resource(needs='x'))
        files = {'inner.yaml': json.dumps(inner)}
        root = chains.template(n={'type': 'inner.yaml'})
        changed = {'inner.yaml': json.dumps(chains.changed(
            inner, x={'immutable': 'y'}, y={'value': '2'}))}
        ends = []
        for convergence in (True, False):
            life = lives.Life(self, convergence)
            life.create(root, files)
            life.failing(('y', 'update'))
            life.update(root, files=changed)
            self.assertEqual('UPDATE_FAILED', self.state(life.identity))
            life.convert()
            life.update(root, files=changed)
            ends.append(life.end())
            self.assert_sound(life, convergence)
        self.assertEqual(*ends)


class MatrixTest(failed_case.FailedTestCase):
    """Each history with each operation; a part of them by default."""


def _make_test(history, operation):
    def test(self):
        if (history, operation) in afterwards.DIFFERENT:
            end = self.play(history, operation, convergence=False).end()
            self.assertEqual(([], [], []), (end['leaked'], end['lost'],
                                            end['deleted in use']))
        elif (history, operation) in afterwards.OTHER_FAULT:
            self.assertEqual(
                afterwards.OTHER_FAULT[history, operation],
                tuple(failed_case.fault(
                    self.play(history, operation, convergence).end())
                    for convergence in (True, False)))
        else:
            self.compare(history, operation)
    return test


def _add_tests():
    operations = afterwards.OPERATIONS
    for number, history in enumerate(failures.HISTORIES):
        for index, operation in enumerate(operations):
            if failed_case.ALL or (
                    index - 5 * number) % len(operations) < failed_case.PART:
                setattr(MatrixTest, 'test_%s__%s' % (
                    history.__name__, operation.__name__),
                    _make_test(history, operation))


_add_tests()
