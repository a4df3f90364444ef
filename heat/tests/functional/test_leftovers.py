# SPDX-License-Identifier: Apache-2.0

"""Leftover nested stacks, and how to remove them safely.

The tests follow the advice for each, with a ledger of the existing physical
things.
"""

import json
from unittest import mock

from oslo_config import cfg
import oslo_messaging
from oslo_messaging import conffixture
from oslo_upgradecheck import upgradecheck
import sqlalchemy

from heat.cmd.migrate import acting
from heat.cmd.migrate import actions
from heat.cmd.migrate import run
from heat.cmd import status
from heat.common.migrate import exception as migrate_exception
from heat.common import template_format
from heat.db import api as db_api
from heat.db.migrate import counts as migrate_counts
from heat.db.migrate import leftovers as migrate_leftovers
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import resource
from heat.rpc import client as rpc_client
from heat.tests.functional.harness.plugins import things as plugin
from heat.tests.functional.harness import synchronous

INNER = """
heat_template_version: 2018-08-31
resources:
  thing: {type: Test::Physical}
"""

MIDDLE = """
heat_template_version: 2018-08-31
resources:
  thing: {type: Test::Physical}
  inner: {type: inner.yaml}
"""

TEMPLATE = """
heat_template_version: 2018-08-31
resources:
  thing: {type: Test::Physical}
  middle: {type: middle.yaml}
"""

FILES = {'middle.yaml': MIDDLE, 'inner.yaml': INNER}


class LeftoversTestCase(synchronous.EngineTestCase):

    def setUp(self):
        super().setUp()
        resource._register_class(plugin.TYPE, plugin.Ledgered)
        plugin.renew()
        # Registers the time that a request waits for its thread.
        self.useFixture(conffixture.ConfFixture(cfg.CONF))

    @property
    def things(self):
        """The physical ids of the things that exist now."""
        return set(plugin.ledger.things)

    def create(self, **kwargs):
        return super().create(TEMPLATE, files=FILES, **kwargs)

    def update(self, stack):
        self.heat.update_stack(self.ctx, stack,
                               template_format.parse(TEMPLATE), {}, FILES, {})
        self.finish(stack)

    def delete(self, stack_id):
        self.heat.delete_stack(self.ctx, self.identity(stack_id))
        self.heat.run()

    def abandon(self, stack_id):
        data = self.heat.abandon_stack(self.ctx, self.identity(stack_id))
        self.heat.run()
        return data

    def write(self, model, where, **values):
        with self.database.engine.begin() as connection:
            connection.execute(sqlalchemy.update(model).where(where)
                               .values(**values))

    def identity(self, stack_id):
        row, = self.database.rows(models.Stack, id=stack_id)
        return {'tenant': self.ctx.project_id, 'stack_name': row['name'],
                'stack_id': stack_id, 'path': ''}

    def nested(self, owner_id):
        """Ids of the stacks that are nested directly in a stack."""
        return [row['id'] for row in self.database.rows(
            models.Stack, owner_id=owner_id, deleted_at=None)]

    def things_of(self, *stack_ids):
        """The physical things of the resources of these stacks."""
        return {row['physical_resource_id'] for stack_id in stack_ids
                for row in self.database.rows(models.Resource,
                                              stack_id=stack_id)
                if row['name'] == 'thing'}

    def is_convergence(self, stack_id):
        row, = self.database.rows(models.Stack, id=stack_id)
        return row['convergence']

    def legacy_states(self):
        """The states of legacy trees in convergence-status."""
        return [tally.state for tally in migrate_counts.tally(self.ctx)
                if tally.state != migrate_counts.CONVERGENCE]

    def refused(self, stack_id, reason, **kwargs):
        exc = self.assertRaises(reason, convergence_migrate.convert, self.ctx,
                                stack_id, **kwargs)
        self.assertIs(reason, type(exc))
        return str(exc)

    def assertLeft(self, *expected):
        """Check the (code, id) of all listed leftovers."""
        self.assertEqual(sorted(expected), [
            (row.leftover, row.id)
            for row in migrate_leftovers.get_all(self.ctx)])

    def run_all(self, action=actions.CONVERT):
        """The (id, outcome, code) of a run over all legacy stacks."""
        return [(done.id, done.outcome, done.code) for done in (
            acting.act(action, stack)
            for stack in run.all_stacks(self.ctx))]

    def assertUpgradeCheck(self, code):
        result = status.Checks()._check_legacy_stacks()
        self.assertEqual(code, result.code, result.details)
        return result.details


class UnreferencedTest(LeftoversTestCase):
    """The RPC call that creates a nested stack times out."""

    def setUp(self):
        super().setUp()
        self.root, self.left = self.interrupted()
        self.root_id = self.root['stack_id']

    def interrupted(self):
        """A healthy root stack, with a nested stack that no resource names.

        The engine that creates the nested stack goes down later, after the
        first thing has been made.
        """
        create = rpc_client.EngineClient._create_stack
        lost = []

        def time_out(client, *args, **kwargs):
            result = create(client, *args, **kwargs)
            if kwargs['parent_resource_name'] == 'middle' and not lost:
                lost.append(result['stack_id'])
                raise oslo_messaging.MessagingTimeout()
            return result

        with mock.patch.object(rpc_client.EngineClient, '_create_stack',
                               time_out):
            root = self.create()
        self.assertEqual('CREATE_FAILED', self.state(root))
        # As a starting engine does for a stack in progress.
        self.write(models.Stack, models.Stack.id == lost[0], status='FAILED')
        self.update(root)
        self.update(root)
        self.assertEqual('UPDATE_COMPLETE', self.state(root))
        return root, lost[0]

    def test_refused_with_what_names_what_and_the_remedy(self):
        text = self.refused(self.root_id,
                            migrate_exception.UnreferencedNested)
        self.assertIn(self.root_id, text)
        self.assertIn('(%s), which is CREATE_FAILED' % self.left, text)
        self.assertIn('openstack stack delete ' + self.left, text)
        self.assertFalse(self.is_convergence(self.root_id))

    def test_counted_and_listed(self):
        self.assertEqual([migrate_exception.UnreferencedNested.code],
                         self.legacy_states())
        self.assertLeft(('unreferenced_nested', self.left))
        self.assertEqual([(self.root_id, 'refused', 'unreferenced_nested')],
                         self.run_all())
        self.assertIn('left over: 1.',
                      self.assertUpgradeCheck(upgradecheck.Code.WARNING))

    def test_once_deleted_the_others_convert(self):
        below = self.nested(self.left)
        of_left = self.things_of(self.left, *below)
        self.assertEqual(2, len(of_left))
        others = self.things - of_left

        self.delete(self.left)

        self.assertEqual(others, self.things)
        self.assertEqual([(self.root_id, 'converted', None)], self.run_all())
        self.assertLeft()
        self.assertUpgradeCheck(upgradecheck.Code.SUCCESS)
        self.update(self.root)
        self.assertEqual('UPDATE_COMPLETE', self.state(self.root))
        self.delete(self.root_id)
        self.assertEqual(set(), self.things)

    def test_ignored_it_stays_legacy_and_listed(self):
        things = self.things
        ignoring = actions.ignoring_unreferenced(actions.CONVERT)
        self.assertEqual([(self.root_id, 'converted', None)],
                         self.run_all(ignoring))
        self.assertTrue(self.is_convergence(self.root_id))
        self.assertFalse(self.is_convergence(self.left))
        self.assertEqual([(self.root_id, 'already', None)],
                         self.run_all(ignoring))
        self.assertEqual([(self.root_id, 'refused', 'unreferenced_nested')],
                         self.run_all())
        self.assertEqual(['unreferenced_nested'], self.legacy_states())
        self.assertLeft(('unreferenced_nested', self.left))
        self.assertEqual((), convergence_migrate.verify(
            self.ctx, self.root_id)[0])

        of_left = self.things_of(self.left, *self.nested(self.left))
        self.update(self.root)
        self.delete(self.left)
        self.assertEqual(things - of_left, self.things)
        self.assertUpgradeCheck(upgradecheck.Code.SUCCESS)

    def test_ignored_on_the_way_back_too(self):
        convergence_migrate.convert(self.ctx, self.root_id,
                                    ignore_unreferenced=True)
        convergence_migrate.revert(self.ctx, self.root_id)
        self.assertFalse(self.is_convergence(self.root_id))

    def test_the_plan_counts_and_warns_without_it(self):
        plan = convergence_migrate.plan(self.ctx, self.root_id,
                                        ignore_unreferenced=True)
        self.assertEqual(2, plan.nested)
        self.assertIn('is left out and stays as it is', str(plan))

    def test_not_ignored_while_it_is_locked(self):
        db_api.stack_lock_create(self.ctx, self.left, 'engine')
        self.assertRaises(migrate_exception.Locked, convergence_migrate.plan,
                          self.ctx, self.root_id, ignore_unreferenced=True)

    def test_not_ignored_while_it_is_in_progress(self):
        self.write(models.Stack, models.Stack.id == self.left,
                   status='IN_PROGRESS')
        self.refused(self.root_id, migrate_exception.InProgress,
                     ignore_unreferenced=True)

    def test_not_ignored_while_its_owner_is_not_complete(self):
        self.write(models.Stack, models.Stack.id == self.root_id,
                   status='FAILED')
        self.refused(self.root_id, migrate_exception.NotComplete)
        self.refused(self.root_id, migrate_exception.NotComplete,
                     ignore_unreferenced=True)
        self.assertEqual(['failed'], self.legacy_states())

    def test_not_ignored_when_a_resource_names_it_by_now(self):
        plan = convergence_migrate.plan(self.ctx, self.root_id,
                                        ignore_unreferenced=True)
        named = models.Resource.name == 'middle'
        self.write(models.Resource, named, physical_resource_id=self.left)
        self.assertRaises(migrate_exception.TreeChanged,
                          convergence_migrate.apply, self.ctx, plan)
        self.assertFalse(self.is_convergence(self.root_id))

    def test_one_that_a_backup_stack_names_is_not_left_over(self):
        backup = self.database.rows(models.Stack, id=self.root_id)[0]
        with self.database.engine.begin() as connection:
            connection.execute(sqlalchemy.insert(models.Stack).values(dict(
                backup, id='backup', name='backup', backup=True,
                owner_id=self.root_id)))
            connection.execute(sqlalchemy.insert(models.Resource).values(
                name='middle', stack_id='backup', uuid='of-the-backup',
                physical_resource_id=self.left,
                current_template_id=backup['raw_template_id']))
        self.assertLeft()
        self.assertEqual(['backup_resources'], self.legacy_states())

    def test_one_that_is_complete_is_converted_with_the_others(self):
        self.write(models.Stack, models.Stack.id == self.left,
                   status='COMPLETE')
        self.assertLeft()
        self.assertEqual(['ready'], self.legacy_states())
        self.convert(self.root)
        self.assertTrue(self.is_convergence(self.left))

    def test_no_advice_to_delete_what_another_stack_has(self):
        thing, = self.things_of(self.left)
        other = self.create()['stack_id']
        self.write(models.Resource, (models.Resource.stack_id == other) &
                   (models.Resource.name == 'thing'),
                   physical_resource_id=thing)
        text = self.refused(self.root_id,
                            migrate_exception.UnreferencedShared)
        self.assertIn('(%s) has thing = %s' % (other, thing), text)
        self.assertNotIn('stack delete', text)
        self.assertEqual((other,), migrate_leftovers.get_all(
            self.ctx)[0].shared_with)


class WithoutRootTest(LeftoversTestCase):
    """Heat abandons a stack, but not the stacks nested in it."""

    def setUp(self):
        super().setUp()
        cfg.CONF.set_override('enable_stack_abandon', True)
        cfg.CONF.set_override('enable_stack_adopt', True)
        root_id = self.create()['stack_id']
        self.made = self.things
        self.left, = self.nested(root_id)
        self.below, = self.nested(self.left)
        self.data = self.abandon(root_id)

    def adopt(self):
        adopted = self.create(
            adopt_stack_data=json.dumps(self.data, default=dict),
            convergence=True)
        self.assertEqual('ADOPT_COMPLETE', self.state(adopted))
        return adopted

    def test_adopted_again_it_has_its_own_reason(self):
        adopted = self.adopt()['stack_id']
        self.assertEqual(3, len(self.things))
        text = self.refused(self.left, migrate_exception.Adopted)
        others = self.nested(adopted)
        self.assertIn('(%s) has thing = ' % others[0], text)
        self.assertIn('openstack stack abandon ' + self.left, text)
        self.assertIn('nested in it: %s.' % self.below, text)
        self.assertIn('enable_stack_abandon = true', text)
        self.assertNotIn('stack delete', text)

    def test_adopted_again_it_is_counted_and_listed(self):
        self.adopt()
        self.assertEqual(['adopted'], self.legacy_states())
        self.assertLeft(('adopted', self.left))
        self.assertEqual([(self.left, 'refused', 'adopted')], self.run_all())
        self.assertIn('left over: 1.',
                      self.assertUpgradeCheck(upgradecheck.Code.WARNING))

    def test_adopted_again_and_abandoned_nothing_is_lost(self):
        adopted = self.adopt()
        self.abandon(self.left)
        self.assertLeft(('adopted', self.below))
        self.abandon(self.below)

        self.assertEqual(self.made, self.things)
        self.assertLeft()
        self.assertEqual([], self.run_all())
        self.assertUpgradeCheck(upgradecheck.Code.SUCCESS)
        self.delete(adopted['stack_id'])
        self.assertEqual(set(), self.things)

    def test_not_adopted_it_has_no_root(self):
        text = self.refused(self.left, migrate_exception.DanglingStack)
        self.assertIn('If nobody needs them', text)
        self.assertEqual(['no_root'], self.legacy_states())
        self.assertLeft(('no_root', self.left))
        self.assertEqual([(self.left, 'refused', 'no_root')], self.run_all())

    def test_not_adopted_it_can_be_deleted(self):
        of_root = self.made - self.things_of(self.left, self.below)
        self.delete(self.left)
        self.assertEqual(of_root, self.things)
        self.assertUpgradeCheck(upgradecheck.Code.SUCCESS)

    def test_not_adopted_it_can_be_abandoned(self):
        self.abandon(self.left)
        self.abandon(self.below)
        self.assertEqual(self.made, self.things)
        self.assertUpgradeCheck(upgradecheck.Code.SUCCESS)

    def test_both_kinds_in_one_project_have_their_own_reasons(self):
        self.adopt()
        other = self.create()['stack_id']
        nested, = self.nested(other)
        self.abandon(other)
        self.assertLeft(('adopted', self.left), ('no_root', nested))
        self.assertEqual(['adopted', 'no_root'], self.legacy_states())
