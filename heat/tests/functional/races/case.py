# SPDX-License-Identifier: Apache-2.0

"""Base class for conversions at a chosen step of an operation."""

from unittest import mock

from oslo_config import cfg
from oslo_messaging.rpc import dispatcher
import sqlalchemy

from heat.common import exception
from heat.db.migrate import tree as migrate_tree
from heat.db import models
from heat.engine import convergence_migrate
from heat.tests.functional.faults import case as fault_case
from heat.tests.functional.harness import inprocess
from heat.tests.functional.harness import trees
from heat.tests import releases
from heat.tests import utils

TEMPLATE = {
    'heat_template_version': '2018-08-31',
    'resources': {
        'first': {'type': 'OS::Heat::TestResource'},
        'second': {'type': 'OS::Heat::TestResource', 'depends_on': 'first'}}}

PATIENCE = 60  # seconds to wait for a thread

#: How to request each operation that takes the stack lock of a legacy stack.
OPERATIONS = {
    'update': lambda engine, *stack: engine.update_stack(
        *stack, TEMPLATE, {}, {}, {}),
    'patch': lambda engine, *stack: engine.update_stack(
        *stack, None, {}, {}, {'existing': True}),
    'suspend': lambda engine, *stack: engine.stack_suspend(*stack),
    'resume': lambda engine, *stack: engine.stack_resume(*stack),
    'check': lambda engine, *stack: engine.stack_check(*stack),
    'snapshot': lambda engine, *stack: engine.stack_snapshot(*stack, 'new'),
    'restore': lambda engine, *stack: engine.stack_restore(
        *stack, engine.stack_list_snapshots(*stack)[0]['id']),
    'delete': lambda engine, *stack: engine.delete_stack(*stack),
    'abandon': lambda engine, *stack: engine.abandon_stack(*stack),
    'mark unhealthy': lambda engine, *stack: engine.resource_mark_unhealthy(
        *stack, 'first', True),
}

#: Operations that must not run on a converted stack; see
#: heat.engine.stack_lock.StackLock for the others.
FORBIDDEN = (list(OPERATIONS) if releases.RESOURCE_SNAPSHOTS
             else ['update', 'patch', 'restore', 'delete', 'mark unhealthy'])


class EachOperation:
    """Each operation; a snapshot is taken for the one that restores it."""

    scenarios = [(name, {'operation': name}) for name in OPERATIONS]

    def setUp(self):
        super().setUp()
        if self.operation == 'restore':
            self.take_snapshot()


class Steps:
    """Steps of a test between two steps of Heat."""

    def operate(self, name):
        """Request an operation from the engine, as heat-api does."""
        return OPERATIONS[name](self.heat, utils.dummy_context(),
                                self.identity)

    def before(self, target, name, step):
        """Call ``step`` just before the first call of a function."""
        called = getattr(target, name)
        steps = [step]

        def late(*args, **kwargs):
            if steps:
                steps.pop()()
            return called(*args, **kwargs)
        patcher = mock.patch.object(target, name, late)
        patcher.start()
        self.addCleanup(patcher.stop)

    def revert(self):
        """Revert as a command does, and keep the stored rows."""
        convergence_migrate.revert(utils.dummy_context(), self.stack_id)
        self.reverted = self.stored()

    def set_stack(self, **values):
        with self.database.engine.begin() as connection:
            connection.execute(sqlalchemy.update(models.Stack).where(
                models.Stack.id == self.stack_id).values(values))

    def begin_update(self):
        """Leave the stack in the middle of an update."""
        self.set_stack(action='UPDATE', status='IN_PROGRESS',
                       prev_raw_template_id=self.row(
                           self.identity)['raw_template_id'])

    def end_and_revert(self):
        self.set_stack(status='COMPLETE')
        self.revert()

    def reasons(self):
        return [row['_resource_status_reason'] for row in self.database.rows(
            models.Event, stack_id=self.stack_id)]


class RaceTestCase(Steps, inprocess.EngineTestCase):
    """A legacy stack, and an engine that keeps it legacy.

    The engine has migrate_on_update for another project, so it has the
    protection. Only the tests convert.

    :cvar template: of the stack.
    """

    template = TEMPLATE

    def setUp(self):
        super().setUp()
        cfg.CONF.set_override('migrate_on_update', True)
        cfg.CONF.set_override('migrate_on_update_projects', ['another'])
        cfg.CONF.set_override('enable_stack_abandon', True)
        self.identity = self.create(self.template)
        self.stack_id = self.identity['stack_id']

    def take_snapshot(self):
        """Take a snapshot while the stack is legacy; returns its id."""
        snapshot_id = self.operate('snapshot')['id']
        self.wait_for(self.identity)
        return snapshot_id

    def convert(self, _identity=None):
        """Convert as a command does; a context has only one transaction."""
        return convergence_migrate.convert(utils.dummy_context(),
                                           self.stack_id)

    def stored(self):
        """The tree with its snapshots, as committed now."""
        return (trees.read(self.database, self.stack_id),
                self.database.rows(models.Snapshot, stack_id=self.stack_id))

    def convert_and_note(self):
        self.convert()
        self.converted = self.stored()

    def assertUnlocked(self):
        tree = trees.read(self.database, self.stack_id)
        self.assertEqual({}, migrate_tree.get_locks(
            self.ctx, [row['id'] for row in tree.stacks]))

    def assertConvergence(self):
        """Check that the whole tree is convergence, with its graph."""
        tree = trees.read(self.database, self.stack_id)
        self.assertEqual({True}, tree.convergence())
        findings, _plan = convergence_migrate.verify(self.ctx, self.stack_id)
        self.assertEqual((), tuple(findings))
        self.assertUnlocked()

    def assertLegacy(self, action):
        """Check that the whole tree is legacy, and completed an operation."""
        tree = trees.read(self.database, self.stack_id)
        self.assertEqual({False}, tree.convergence())
        row = self.row(self.identity)
        self.assertEqual((action, 'COMPLETE'), (row['action'], row['status']))
        self.assertUnlocked()

    def assertConflict(self, operate, *args):
        """Check that heat-api will answer 409."""
        refused = self.assertRaises(dispatcher.ExpectedException,
                                    operate, *args)
        self.assertEqual(exception.ActionInProgress, refused.exc_info[0])

    def wait_until_idle(self):
        """Wait for the threads that work on the stack."""
        group = self.heat.thread_group_mgr.groups.get(self.stack_id)
        if group is not None:
            group.wait()

    def assertWorks(self):
        """Check that the stack is convergence, and updates."""
        self.wait_until_idle()
        self.operate('patch')
        self.wait_for(self.identity)
        tree = self.stored()[0]
        self.assertEqual({True}, tree.convergence())
        self.assertEqual({'COMPLETE'}, {row['status'] for row in
                                        tree.stacks + tree.resources})
        self.assertUnlocked()


class FailedRaceTestCase(RaceTestCase):
    """The same for a stack whose update failed after it replaced something."""

    template = fault_case.replacing('1')

    def setUp(self):
        super().setUp()
        fault_case.fail_to_replace(self)

    def convert(self, _identity=None):
        return convergence_migrate.convert(utils.dummy_context(),
                                           self.stack_id, failed=True)
