# SPDX-License-Identifier: Apache-2.0

"""Each reason is made, its remedy followed, and the stack converted.

A new code needs a line in one of the two tables below.
"""

import itertools

import fixtures
from oslo_config import cfg

from heat.common import exception
from heat.common.migrate import exception as migrate_exception
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import environment
from heat.engine import resource
from heat.engine.resources.openstack.heat import test_resource
from heat.objects import resource as resource_object
from heat.objects import stack_lock
from heat.rpc import api as rpc_api
from heat.tests import common
from heat.tests.functional.harness import synchronous
from heat.tests.functional import test_leftovers
from heat.tests.migrate import test_exception
from heat.tests import releases

#: The tests of the remedies for each code, here or in test_leftovers.
REMEDIES = {
    'adopted': ['test_adopted_again_and_abandoned_nothing_is_lost'],
    'backup_resources': ['test_backup_resources'],
    'changed': ['test_changed'],
    'circular_dependencies': ['test_circular_dependencies'],
    'credentials': ['test_credentials'],
    'failed': ['test_failed'],
    'implicit_dependencies': ['test_implicit_dependencies'],
    'in_progress': ['test_in_progress', 'test_resource_in_progress'],
    'invalid_parameters': ['test_invalid_parameters',
                           'test_encrypted_parameters'],
    'invalid_template': ['test_invalid_template'],
    'legacy': ['test_legacy'],
    'locked': ['test_locked', 'test_resource_of_an_engine'],
    'missing_resources': ['test_missing_resources'],
    'nested': ['test_nested'],
    'no_root': ['test_not_adopted_it_can_be_deleted',
                'test_not_adopted_it_can_be_abandoned'],
    'orphan_resources': ['test_orphan_resources'],
    'out_of_time': ['test_out_of_time'],
    'replaced_resources': ['test_replaced_resources'],
    'rows_differ': ['test_rows_differ'],
    'snapshots': ['test_snapshots'],
    'unknown_resource_type': ['test_unknown_resource_type'],
    'unreferenced_nested': ['test_once_deleted_the_others_convert',
                            'test_ignored_it_stays_legacy_and_listed'],
}

#: The codes that have none, and why. The page of the codes says so too.
NO_REMEDY = {
    'error': 'a fault of this project',
    'gone': 'there is no stack any more',
    'not_found': 'there is no stack',
}

KIND = 'OS::Heat::TestResource'


def template(parameters=None, **resources):
    """A HOT template of TestResources: name=its properties."""
    return {'heat_template_version': '2018-08-31',
            'parameters': parameters or {},
            'resources': {name: {'type': KIND, 'properties': properties}
                          for name, properties in resources.items()}}


def half_replaced(value, fail=False):
    """A template whose update replaces a, and then may fail with b."""
    snippet = template(a={'value': value, 'update_replace': True},
                       b={'value': value, 'fail': fail})
    snippet['resources']['b']['depends_on'] = 'a'
    return snippet


class Asking(test_resource.TestResource):
    """Needs something to know what it depends on."""

    need = staticmethod(lambda member: None)

    def during(self):
        """What happens while it is updated."""

    def handle_update(self, *args, **kwargs):
        self.during()
        return super().handle_update(*args, **kwargs)

    def add_dependencies(self, deps):
        super().add_dependencies(deps)
        self.need(self)


class RemedyTestCase(synchronous.EngineTestCase):

    def refused(self, identity, code, run=None):
        """The stack is refused with a code; returns what is told."""
        refused = self.assertRaises(
            migrate_exception.MigrationRefused,
            run or convergence_migrate.convert, self.ctx,
            identity['stack_id'])
        self.assertEqual(code, refused.code, str(refused))
        return str(refused)

    def assertConverts(self, identity):
        self.convert(identity)
        self.assertTrue(self.row(identity)['convergence'])
        # It is a stack that can be used.
        self.heat.stack_check(self.ctx, identity)
        self.finish(identity)
        self.assertEqual('CHECK_COMPLETE', self.state(identity))

    def update(self, identity, snippet, state='UPDATE_COMPLETE', params=None):
        self.heat.update_stack(self.ctx, identity, snippet, params or {}, {},
                               {'disable_rollback': True})
        self.finish(identity)
        self.assertEqual(state, self.state(identity))

    def check(self, identity):
        self.heat.stack_check(self.ctx, identity)
        self.finish(identity)
        self.assertEqual('CHECK_COMPLETE', self.state(identity))

    def change(self, model, condition, **values):
        """Change rows as a fault has left them."""
        with self.database.engine.begin() as connection:
            connection.execute(model.__table__.update().where(
                condition).values(**values))

    def change_resources(self, identity, **values):
        self.change(models.Resource, models.Resource.stack_id ==
                    identity['stack_id'], **values)

    def stored_template(self, identity, **columns):
        self.change(models.RawTemplate, models.RawTemplate.id ==
                    self.row(identity)['raw_template_id'], **columns)


class ConvertTest(RemedyTestCase):

    def test_in_progress(self):
        identity, snippet, _failing = self.asking(None)
        told = []
        snippet['resources']['a']['properties'] = {'value': 'x'}
        with self.patched(Asking, 'during', lambda member: told.append(
                self.refused(identity, 'in_progress'))):
            self.update(identity, snippet)
        self.assertEqual(1, len(told))
        self.assertConverts(identity)

    def test_resource_in_progress(self):
        identity = self.create(template(a={}))
        self.change_resources(identity, action='UPDATE', status='IN_PROGRESS')
        self.assertIn('openstack stack check',
                      self.refused(identity, 'in_progress'))
        self.check(identity)
        self.assertConverts(identity)

    def test_locked(self):
        identity = self.create(template(a={}))
        stack_lock.StackLock.create(self.ctx, identity['stack_id'], 'engine')
        self.refused(identity, 'locked')
        stack_lock.StackLock.release(self.ctx, identity['stack_id'], 'engine')
        self.assertConverts(identity)

    def test_resource_of_an_engine(self):
        identity = self.create(template(a={}))
        self.change_resources(identity, engine_id='dead')
        # No operation of the legacy engine takes it away: we do.
        self.assertConverts(identity)
        self.assertEqual({None}, {row['engine_id'] for row in
                                  self.database.rows(models.Resource)})

    def test_changed(self):
        identity = self.create(template(a={}))
        get_locks = convergence_migrate.migrate_tree.get_locks

        times = itertools.count(1)

        def change_first(*args):
            self.change(models.Stack, models.Stack.id == identity['stack_id'],
                        timeout=next(times), status='FAILED')
            return get_locks(*args)
        with self.patched(convergence_migrate.migrate_tree, 'get_locks',
                          change_first):
            self.refused(identity, 'changed')
        self.change(models.Stack, models.Stack.id == identity['stack_id'],
                    status='COMPLETE')
        self.assertConverts(identity)

    def patched(self, owner, name, value):
        return fixtures.MockPatchObject(owner, name, value)

    def test_out_of_time(self):
        identity = self.create(template(a={}))
        cfg.CONF.set_override('migrate_on_update', True)

        def too_late(*args, **kwargs):
            raise migrate_exception.OutOfTime(stack='it', seconds=30)
        with self.patched(convergence_migrate, 'convert', too_late):
            self.update(identity, template(a={}))
        self.assertFalse(self.row(identity)['convergence'])
        event, = self.database.rows(models.Event, resource_action='MIGRATE')
        self.assertIn('migrate-convergence-1',
                      event['_resource_status_reason'])
        self.assertConverts(identity)

    def test_failed(self):
        identity = self.create(template(a={}))
        self.update(identity, template(a={}, b={'fail': True}),
                    'UPDATE_FAILED')
        self.refused(identity, 'failed')
        self.update(identity, template(a={}, b={}))
        self.assertConverts(identity)

    def test_backup_resources(self):
        identity = self.create(half_replaced('x'))
        self.update(identity, half_replaced('y', fail=True), 'UPDATE_FAILED')
        self.check(identity)
        self.refused(identity, 'backup_resources')
        self.update(identity, half_replaced('y'))
        self.assertConverts(identity)

    def test_missing_resources(self):
        identity = self.create(template(a={}, b={}))
        with self.database.engine.begin() as connection:
            connection.execute(models.Resource.__table__.delete().where(
                models.Resource.name == 'b'))
        self.refused(identity, 'missing_resources')
        self.update(identity, template(a={}, b={}))
        self.assertConverts(identity)

    def test_orphan_resources(self):
        identity = self.create(template(a={}))
        resource_object.Resource.create(self.ctx, {
            'stack_id': identity['stack_id'], 'name': 'b',
            'action': 'CREATE', 'status': 'COMPLETE',
            'physical_resource_id': 'one'})
        self.assertIn('b (one)', self.refused(identity, 'orphan_resources'))
        # This is no remedy.
        self.update(identity, template(a={}, b={}))
        self.refused(identity, 'orphan_resources')
        self.change(models.Resource,
                    models.Resource.physical_resource_id == 'one',
                    action='DELETE', status='COMPLETE')
        self.assertConverts(identity)

    def test_unknown_resource_type(self):
        resource._register_class('Test::Asking', Asking)
        snippet = template(a={})
        snippet['resources']['a']['type'] = 'Test::Asking'
        identity = self.create(snippet)
        with self.patched(environment.ResourceRegistry, 'get_resource_info',
                          self.not_found):
            self.refused(identity, 'unknown_resource_type')
        self.assertConverts(identity)

    @staticmethod
    def not_found(registry, name, *args, **kwargs):
        raise exception.EntityNotFound(entity='Resource Type', name=name)

    def asking(self, need):
        resource._register_class('Test::Asking', Asking)
        snippet = template(a={})
        snippet['resources']['a']['type'] = 'Test::Asking'
        identity = self.create(snippet)
        return identity, snippet, self.patched(Asking, 'need',
                                               staticmethod(need))

    def test_implicit_dependencies(self):
        def need(member):
            raise exception.Error('no network')
        identity, _snippet, failing = self.asking(need)
        with failing:
            self.refused(identity, 'implicit_dependencies')
        self.assertConverts(identity)

    def test_credentials(self):
        identity, snippet, asking = self.asking(
            lambda member: member.context.auth_plugin)
        self.change(models.UserCreds, models.UserCreds.id.is_not(None),
                    password='x', decrypt_method='cryptography_decrypt_v1')
        cfg.CONF.set_override('migrate_on_update', True)
        with asking:
            self.refused(identity, 'credentials')
            self.update(identity, snippet)
        self.assertTrue(self.row(identity)['convergence'])

    def test_invalid_parameters(self):
        schema = {'p': {'type': 'number', 'default': 1}}
        identity = self.create(template(schema, a={}))
        self.stored_template(identity,
                             environment={'parameters': {'p': 'many'}})
        self.refused(identity, 'invalid_parameters')
        self.update(identity, template(schema, a={}), params={
            'parameters': {'p': 2}})
        self.assertConverts(identity)

    def test_encrypted_parameters(self):
        cfg.CONF.set_override('encrypt_parameters_and_properties', True)
        schema = {'p': {'type': 'string', 'hidden': True}}
        identity = self.create(template(schema, a={}),
                               params={'parameters': {'p': 'secret'}})
        key = cfg.CONF.auth_encryption_key
        cfg.CONF.set_override('auth_encryption_key', 'x' * 32)
        self.assertIn('auth_encryption_key',
                      self.refused(identity, 'invalid_parameters'))
        cfg.CONF.set_override('auth_encryption_key', key)
        self.assertConverts(identity)

    def test_invalid_template(self):
        identity = self.create(template(a={}))
        good = self.database.rows(
            models.RawTemplate,
            id=self.row(identity)['raw_template_id'])[0]['template']
        self.stored_template(identity, template=dict(
            good, heat_template_version='2222-02-22'))
        self.refused(identity, 'invalid_template')
        self.assertRaises(exception.HeatException, self.update, identity, good)
        self.stored_template(identity, template=good)
        self.assertConverts(identity)

    def test_nested(self):
        identity = self.create({
            'heat_template_version': '2018-08-31', 'resources': {'group': {
                'type': 'OS::Heat::ResourceGroup', 'properties': {
                    'count': 1, 'resource_def': {'type': KIND}}}}})
        nested, = self.database.rows(models.Stack,
                                     owner_id=identity['stack_id'])
        self.assertIn(identity['stack_id'], self.refused(
            {'stack_id': nested['id']}, 'nested'))
        self.assertConverts(identity)


class OtherWaysTest(RemedyTestCase):
    """What keeps a stack from being verified, or from the way back."""

    def test_legacy(self):
        identity = self.create(template(a={}))
        self.refused(identity, 'legacy', convergence_migrate.check_rows)
        self.assertConverts(identity)
        convergence_migrate.check_rows(self.ctx, identity['stack_id'])

    def test_rows_differ(self):
        identity = self.create(template(a={}))
        self.convert(identity)
        self.change(models.Stack, models.Stack.id == identity['stack_id'],
                    current_deps=None)
        self.assertIn('--repair', self.refused(
            identity, 'rows_differ', convergence_migrate.check_rows))
        convergence_migrate.repair(self.ctx, identity['stack_id'])
        convergence_migrate.check_rows(self.ctx, identity['stack_id'])

    def test_circular_dependencies(self):
        snippet = template(a={}, b={})
        snippet['resources']['b']['depends_on'] = 'a'
        identity = self.create(snippet)
        self.convert(identity)
        ids = {row['name']: row['id']
               for row in self.database.rows(models.Resource)}
        # As Heat leaves a dependency that was turned round.
        self.change(models.Resource, models.Resource.name == 'a',
                    requires=[ids['b']])
        self.change(models.Resource, models.Resource.name == 'b', requires=[])
        self.refused(identity, 'circular_dependencies',
                     convergence_migrate.repair)
        self.assertReverts(identity)
        self.assertConverts(identity)

    def assertReverts(self, identity):
        convergence_migrate.revert(self.ctx, identity['stack_id'])
        self.assertFalse(self.row(identity)['convergence'])

    def test_replaced_resources(self):
        identity = self.create(half_replaced('x'), convergence=True)
        # As an update leaves it whose clean-up was not done.
        self.change(models.Resource, models.Resource.name == 'a',
                    replaces=4711)
        self.refused(identity, 'replaced_resources',
                     convergence_migrate.revert)
        self.update(identity, half_replaced('y'))
        self.assertReverts(identity)

    @releases.by_resource
    def test_snapshots(self):
        identity = self.create(template(a={}), convergence=True)
        snapshot = self.heat.stack_snapshot(self.ctx, identity, 'one')
        self.finish(identity)
        self.refused(identity, 'snapshots', convergence_migrate.revert)
        self.heat.delete_snapshot(self.ctx, identity,
                                  snapshot[rpc_api.SNAPSHOT_ID])
        self.finish(identity)
        self.assertReverts(identity)


class TableTest(common.HeatTestCase):

    def test_each_code_has_a_remedy_or_a_reason_why_not(self):
        self.assertEqual({reason.code for reason in test_exception.reasons()},
                         REMEDIES.keys() | NO_REMEDY.keys())
        self.assertEqual(set(), REMEDIES.keys() & NO_REMEDY.keys())

    def test_each_remedy_is_a_test(self):
        for name in sum(REMEDIES.values(), []):
            self.assertTrue(any(hasattr(case, name) for case in (
                ConvertTest, OtherWaysTest, test_leftovers.UnreferencedTest,
                test_leftovers.WithoutRootTest)), name)
