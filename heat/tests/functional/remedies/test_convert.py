# SPDX-License-Identifier: Apache-2.0

"""Operations, plug-ins and options cause reasons against a conversion.

Each test follows the remedy of the reason until the stack is converted.
"""

import itertools
import threading
from unittest import mock

import fixtures
from oslo_config import cfg

from heat.common import exception
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.hot import template as hot_template
from heat.engine.migrate import timed_planning
from heat.engine import resource
from heat.engine import template as heat_template
from heat.tests.functional.harness import inprocess
from heat.tests.functional.harness import processes
from heat.tests.functional.remedies import case

ASKING = case.Asking.TYPE


class ConvertTest(case.RemedyTestCase):

    def test_in_progress(self):
        identity = self.create(case.template(kind=ASKING, a={}))
        reasons = []
        with self.asking(updated=lambda member: reasons.append(
                self.refused(identity, 'in_progress'))):
            self.update(identity, case.template(kind=ASKING, a={
                'value': 'x'}))
        self.assertEqual(1, len(reasons))
        self.assertConverts(identity)

    def test_in_progress_before_the_lock(self):
        """Keystone creates the user project of a new stack."""
        reasons = []

        def create_project(stack):
            reasons.append(self.refused({'stack_id': stack.id}, 'in_progress',
                                        self.convert_failed))

        with fixtures.MonkeyPatch(
                'heat.engine.stack.Stack.create_stack_user_project_id',
                create_project):
            identity = self.create(case.template(a={}))
        self.assertEqual(1, len(reasons))
        self.assertConverts(identity)

    def test_locked(self):
        identity = self.create(case.template(kind=ASKING, a={}))
        reasons = []
        # Under the lock of a stack that stays COMPLETE.
        with self.asking(marked=lambda member: reasons.append(
                self.refused(identity, 'locked'))):
            self.heat.resource_mark_unhealthy(self.ctx, identity, 'a', True)
        self.assertEqual(1, len(reasons))
        self.assertConverts(identity)

    def test_changed(self):
        identity = self.create(case.template(kind=ASKING, a={}))
        values = itertools.count()
        updating = []

        def update_meanwhile(member):
            # An update asks the plug-in, too.
            if not updating:
                updating.append(True)
                self.update(identity, case.template(kind=ASKING, a={
                    'value': str(next(values))}))
                updating.clear()

        with self.asking(need=update_meanwhile):
            self.refused(identity, 'changed')
        self.assertEqual(convergence_migrate.ATTEMPTS, next(values))
        self.assertConverts(identity)

    def test_failed(self):
        identity = self.create(case.template(a={}))
        self.update(identity, case.template(a={}, b={'fail': True}),
                    'UPDATE_FAILED')
        self.refused(identity, 'failed')
        self.update(identity, case.template(a={}, b={}))
        self.assertConverts(identity)

    def test_backup_resources(self):
        identity = self.create(case.half_replaced('x'))
        self.update(identity, case.half_replaced('y', fail=True),
                    'UPDATE_FAILED')
        self.check(identity)
        self.refused(identity, 'backup_resources')
        self.update(identity, case.half_replaced('y'))
        self.assertConverts(identity)

    def test_implicit_dependencies(self):
        def fail(member):
            raise exception.Error('no network')

        identity = self.create(case.template(kind=ASKING, a={}))
        with self.asking(need=fail):
            self.refused(identity, 'implicit_dependencies')
        self.assertConverts(identity)

    def test_credentials(self):
        snippet = case.template(kind=ASKING, a={})
        identity = self.create(snippet)
        cfg.CONF.set_override('auth_encryption_key', 'x' * 32)
        cfg.CONF.set_override('migrate_on_update', True)

        def ask(member):
            member.context.auth_plugin

        with self.asking(need=ask):
            self.refused(identity, 'credentials')
            self.update(identity, snippet)
        self.assertTrue(self.row(identity)['convergence'])

    def test_invalid_parameters(self):
        def snippet(kind, fail=False):
            return case.template({'p': {'type': kind, 'default': 1}},
                                 a={'fail': fail})

        identity = self.create(snippet('string'),
                               params={'parameters': {'p': 'many'}})
        # A failed update leaves the new template and the old value.
        self.update(identity, snippet('number', fail=True), 'UPDATE_FAILED')
        self.check(identity)
        self.refused(identity, 'invalid_parameters')
        self.update(identity, snippet('number'), params={
            'parameters': {'p': 2}})
        self.assertConverts(identity)

    def test_encrypted_parameters(self):
        cfg.CONF.set_override('encrypt_parameters_and_properties', True)
        identity = self.create(
            case.template({'p': {'type': 'string', 'hidden': True}}, a={}),
            params={'parameters': {'p': 'secret'}})
        key = cfg.CONF.auth_encryption_key
        cfg.CONF.set_override('auth_encryption_key', 'x' * 32)
        self.assertIn('auth_encryption_key',
                      self.refused(identity, 'invalid_parameters'))
        cfg.CONF.set_override('auth_encryption_key', key)
        self.assertConverts(identity)

    def test_template_of_a_plugin(self):
        key = 'heat_template_version', '2222-02-22'
        plugin = mock.patch.dict(heat_template._template_classes, {
            key: hot_template.HOTemplate20180831})
        with plugin:
            identity = self.create(dict([key], **{
                'resources': case.template(a={})['resources']}))
        self.assertIn('where the engines run',
                      self.refused(identity, 'invalid_template'))
        # This is no remedy.
        self.assertRaises(exception.HeatException, self.update, identity,
                          case.template(a={}))
        with plugin:
            self.assertConverts(identity)

    def test_nested(self):
        identity = self.create({
            'heat_template_version': '2018-08-31', 'resources': {'group': {
                'type': 'OS::Heat::ResourceGroup', 'properties': {
                    'count': 1, 'resource_def': {'type': case.KIND}}}}})
        nested, = self.database.rows(models.Stack,
                                     owner_id=identity['stack_id'])
        self.assertIn(identity['stack_id'], self.refused(
            {'stack_id': nested['id']}, 'nested'))
        self.assertConverts(identity)


class OutOfTimeTest(inprocess.EngineTestCase):
    """A plug-in hangs while the stack is planned."""

    def test_out_of_time(self):
        released = threading.Event()
        self.addCleanup(released.set)

        def hang(member):
            # The update asks the plug-in as well.
            if threading.current_thread().name == timed_planning.THREAD:
                released.wait(60)

        resource._register_class(ASKING, case.Asking)
        snippet = case.template(kind=ASKING, a={})
        identity = self.create(snippet)
        cfg.CONF.set_override('migrate_on_update', True)
        cfg.CONF.set_override('migrate_on_update_timeout', 0.5)
        with fixtures.MockPatchObject(case.Asking, 'need',
                                      staticmethod(hang)):
            self.heat.update_stack(self.ctx, identity, snippet, {}, {}, {})
            self.wait_for(identity)
            released.set()
            processes.wait_until(
                lambda: timed_planning.THREAD not in [
                    thread.name for thread in threading.enumerate()],
                'end of the thread that planned')
        self.assertFalse(self.row(identity)['convergence'])
        event, = self.database.rows(models.Event, resource_action='MIGRATE',
                                    stack_id=identity['stack_id'])
        self.assertIn('migrate-convergence-1',
                      event['_resource_status_reason'])
        self.convert(identity)
        self.assertTrue(self.row(identity)['convergence'])
