# SPDX-License-Identifier: Apache-2.0

"""A stack that is refused for a reason, and what its remedy makes of it."""

import contextlib
import itertools

import fixtures

from heat.common.migrate import exception as migrate_exception
from heat.engine import convergence_migrate
from heat.engine import resource
from heat.engine.resources.openstack.heat import test_resource
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import synchronous
from heat.tests.functional.lockstep import deaths

KIND = 'OS::Heat::TestResource'


def template(parameters=None, kind=KIND, **resources):
    """A HOT template of resources of one kind: name=its properties."""
    return {'heat_template_version': '2018-08-31',
            'parameters': parameters or {},
            'resources': {name: {'type': kind, 'properties': properties}
                          for name, properties in resources.items()}}


def half_replaced(value, fail=False, kind=KIND):
    """A template whose update replaces a, and then may fail with b."""
    snippet = template(kind=kind, a={'value': value, 'update_replace': True},
                       b={'value': value, 'fail': fail})
    snippet['resources']['b']['depends_on'] = 'a'
    return snippet


class Asking(test_resource.TestResource):
    """A plug-in that calls functions of the test.

    The test replaces them. Each is called with the resource.
    """

    TYPE = 'Test::Asking'

    #: Returns the names of the resources that it depends on.
    need = staticmethod(lambda member: ())
    #: While it is updated, marked as unhealthy, and deleted.
    updated = staticmethod(lambda member: None)
    marked = staticmethod(lambda member: None)
    deleted = staticmethod(lambda member: None)

    def state_set(self, action, *args, **kwargs):
        if action == self.CHECK:
            self.marked(self)
        return super().state_set(action, *args, **kwargs)

    def handle_update(self, *args, **kwargs):
        self.updated(self)
        return super().handle_update(*args, **kwargs)

    def handle_delete(self):
        self.deleted(self)
        return super().handle_delete()

    def add_dependencies(self, deps):
        super().add_dependencies(deps)
        for name in self.need(self) or ():
            deps += (self, self.stack[name])


class RemedyTestCase(synchronous.EngineTestCase):

    def setUp(self):
        super().setUp()
        self.foreign_keys = self.useFixture(
            databases.ForeignKeys(self.database.engine))
        resource._register_class(Asking.TYPE, Asking)

    def asking(self, **functions):
        """Let each Asking resource call these functions."""
        stack = contextlib.ExitStack()
        for name, function in functions.items():
            stack.enter_context(fixtures.MockPatchObject(
                Asking, name, staticmethod(function)))
        return stack

    def refused(self, identity, code, run=None):
        """Check that the stack is refused with a code; returns the reason."""
        refused = self.assertRaises(
            migrate_exception.MigrationRefused,
            run or convergence_migrate.convert, self.ctx,
            identity['stack_id'])
        self.assertEqual(code, refused.code, str(refused))
        return str(refused)

    def convert_failed(self, context, stack_id):
        return convergence_migrate.convert(context, stack_id, failed=True)

    def assertConverts(self, identity):
        self.convert(identity)
        self.assertTrue(self.row(identity)['convergence'])
        # The converted stack can be used.
        self.check(identity)

    def assertReverts(self, identity):
        convergence_migrate.revert(self.ctx, identity['stack_id'])
        self.assertFalse(self.row(identity)['convergence'])

    def update(self, identity, snippet, state='UPDATE_COMPLETE', params=None):
        self.heat.update_stack(self.ctx, identity, snippet, params or {}, {},
                               {'disable_rollback': True})
        self.finish(identity)
        self.assertEqual(state, self.state(identity))

    def check(self, identity):
        self.heat.stack_check(self.ctx, identity)
        self.finish(identity)
        self.assertEqual('CHECK_COMPLETE', self.state(identity))

    def kill_until(self, code, begin, operation,
                   plan=convergence_migrate.plan):
        """Kill an engine at each of its writes, until one gives a reason.

        After each death another engine starts, and a user checks the stack.

        :param code: of the reason
        :param begin: makes a stack; returns its identity
        :param operation: what is killed; called with that
        :returns: the identity of the stack that is refused
        """
        for moment in itertools.count(1):
            self.empty_database()
            identity = begin()
            self.assertTrue(deaths.kill(
                self, lambda: operation(identity), deaths.Death(moment)),
                'No death leaves a stack that is refused with %s' % code)
            self.heat.stack_check(self.ctx, identity)
            self.finish(identity)
            if self.state(identity) != 'CHECK_COMPLETE':
                continue
            try:
                plan(self.ctx, identity['stack_id'])
            except migrate_exception.MigrationRefused as exc:
                if exc.code == code:
                    return identity
