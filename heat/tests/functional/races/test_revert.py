# SPDX-License-Identifier: Apache-2.0

"""Operations on a convergence stack that a revert overtakes.

Each test forces the revert between the load of the stack and the operation.
The engine is the synchronous one, so only the steps of the test run.
"""

from oslo_config import cfg
from oslo_messaging import conffixture

from heat.common import exception
from heat.db import api as db_api
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine import resource
from heat.engine import stack as parser
from heat.rpc import worker_api
from heat.tests.functional.harness import synchronous
from heat.tests.functional.harness import trees
from heat.tests.functional.races import case as race_case
from heat.tests.functional.races import run as race_run
from heat.tests.functional.races import test_threads
from heat.tests.migrate import log_file
from heat.tests import releases
from heat.tests import utils

#: Operations that run after the revert, and are not refused.
DONE = ('update', 'patch')

#: Operations that begin with a traversal in each release of Heat.
TRAVERSING = ('update', 'patch', 'restore', 'delete')


def barrier(operation):
    """The function that an operation on a convergence stack begins with.

    :returns: the object that has it, and its name
    """
    if operation == 'mark unhealthy':
        return resource.Resource, 'lock'
    if releases.RESOURCE_SNAPSHOTS or operation in TRAVERSING:
        return parser.Stack, 'converge_stack'
    return db_api, 'stack_lock_create'


class RevertedCase(race_case.Steps, synchronous.EngineTestCase):
    """A converted stack, and an engine with the protection.

    :cvar template: of the stack.
    """

    template = race_case.TEMPLATE

    def setUp(self):
        super().setUp()
        self.stub_auth()
        # The legacy engine reads rpc_response_timeout.
        self.useFixture(conffixture.ConfFixture(cfg.CONF))
        cfg.CONF.set_override('migrate_protection', True)
        cfg.CONF.set_override('enable_stack_abandon', True)
        self.identity = self.create(self.template)
        self.stack_id = self.identity['stack_id']

    def operate(self, name):
        result = super().operate(name)
        self.heat.run()
        return result

    def take_snapshot(self):
        self.operate('snapshot')

    def stored(self):
        """The tree with all raw templates, as committed now."""
        return (trees.read(self.database, self.stack_id),
                self.database.rows(models.RawTemplate))

    def snapshots(self):
        return self.database.rows(models.Snapshot, stack_id=self.stack_id)

    def assertRefused(self, operate, *args):
        self.assertRaises(exception.ActionInProgress, operate, *args)

    def assertDone(self, action):
        """Check that the whole tree is legacy, and completed the operation."""
        tree = self.stored()[0]
        self.assertEqual({False}, tree.convergence())
        self.assertEqual('%s_COMPLETE' % action, self.state(self.identity))
        self.assertEqual({'COMPLETE'}, {row['status'] for row in
                                        tree.stacks + tree.resources})

    def assertWorks(self):
        self.operate('patch')
        self.assertDone('UPDATE')


class OperationsTest(race_case.EachOperation, RevertedCase):
    """Each operation that a user waits for."""

    def setUp(self):
        super().setUp()
        self.convert(self.identity)

    def test_it_is_done_or_refused_and_changes_nothing(self):
        self.before(*barrier(self.operation), self.revert)
        if self.operation in DONE:
            self.operate(self.operation)
            self.assertDone('UPDATE')
            return
        snapshots = self.snapshots()
        self.assertRefused(self.operate, self.operation)
        self.heat.run()
        self.assertEqual(self.reverted, self.stored())
        self.assertEqual(snapshots, self.snapshots())
        self.assertWorks()


class SilenceTest(RevertedCase):
    """The behaviour of Heat: it answers, and does nothing."""

    def test_without_the_protection_no_query_and_no_event(self):
        cfg.CONF.set_override('migrate_protection', False)
        self.convert(self.identity)
        self.before(parser.Stack, 'converge_stack', self.revert)
        self.operate('delete')
        self.assertFalse(self.row(self.identity)['convergence'])
        self.assertEqual('CREATE_COMPLETE', self.state(self.identity))

    def native_and_converted(self):
        """Create a native stack, and then one that is converted."""
        for convergence in (True, False):
            self.identity = self.create(self.template, convergence)
            self.stack_id = self.identity['stack_id']
            self.convert(self.identity)
            yield self.identity

    def test_a_delete_that_an_update_overtakes_is_dropped(self):
        # Also of a native stack, and with the protection.
        for _stack in self.native_and_converted():
            log = self.useFixture(log_file.LogFile())
            self.before(parser.Stack, 'converge_stack',
                        lambda: self.set_stack(
                            action='UPDATE', status='IN_PROGRESS',
                            current_traversal='newer'))
            self.operate('delete')
            self.assertEqual('UPDATE_IN_PROGRESS', self.state(self.identity))
            dropped = race_run.DROPPED_DELETE % self.row(self.identity)['name']
            self.assertRegex('\n'.join(log.lines()), dropped)

    def test_a_delete_that_a_suspend_follows_does_not_end(self):
        # Also of a native stack. Before Heat 26 a suspend has no traversal.
        if not releases.RESOURCE_SNAPSHOTS:
            self.skipTest('This Heat has no traversal of a suspend')
        for _stack in self.native_and_converted():
            # It begins, and nothing runs yet.
            race_case.Steps.operate(self, 'delete')
            self.operate('suspend')
            self.assertEqual('SUSPEND_COMPLETE', self.state(self.identity))
            self.assertTrue(race_run.has_begun_delete(self.database,
                                                      self.stack_id))


class OvertakenTest(RevertedCase):
    """Requests that are lost without a revert."""

    def setUp(self):
        super().setUp()
        self.convert(self.identity)

    def _lose(self, operation, **values):
        self.before(parser.Stack, 'converge_stack',
                    lambda: self.set_stack(**values))
        self.operate(operation)

    def test_a_failed_operation_is_no_successor(self):
        self.assertRefused(lambda: self._lose(
            'delete', action='UPDATE', status='FAILED',
            current_traversal=''))

    def test_a_cancelled_operation_is_no_successor(self):
        self.assertRefused(lambda: self._lose(
            'update', action='UPDATE', status='FAILED',
            current_traversal='of the cancel'))

    def test_a_stack_that_was_converted_again_is_no_successor(self):
        def there_and_back():
            self.revert()
            convergence_migrate.convert(utils.dummy_context(), self.stack_id)

        self.before(parser.Stack, 'converge_stack', there_and_back)
        self.assertRefused(self.operate, 'update')

    def test_a_legacy_operation_is_no_successor(self):
        def revert_and_begin():
            self.revert()
            self.set_stack(action='UPDATE', status='IN_PROGRESS')

        self.before(parser.Stack, 'converge_stack', revert_and_begin)
        self.assertRefused(self.operate, 'delete')

    def test_a_stack_without_a_traversal_answers_no_operation(self):
        self.set_stack(current_traversal=None)
        self.assertRefused(self.operate, 'update')

    def test_an_operation_in_progress_is_one(self):
        self._lose('update', action='UPDATE', status='IN_PROGRESS',
                   current_traversal='newer')
        self.assertEqual('newer',
                         self.row(self.identity)['current_traversal'])

    def test_a_stack_that_is_deleted_is_one(self):
        self._lose('delete', action='DELETE', status='COMPLETE',
                   current_traversal='newer')


class CancelTest(RevertedCase):
    """A cancel, which Heat answers before it acts."""

    scenarios = [('with rollback', {'rollback': True}),
                 ('without', {'rollback': False})]

    def setUp(self):
        super().setUp()
        self.convert(self.identity)
        self.begin_update()

    def _cancel_after(self, step):
        self.before(synchronous.Threads, 'start', step)
        self.heat.stack_cancel_update(utils.dummy_context(), self.identity,
                                      cancel_with_rollback=self.rollback)
        self.heat.run()

    def test_an_event_says_that_it_came_after_a_revert(self):
        self._cancel_after(self.end_and_revert)
        self.assertIn('was not begun: the stack has changed',
                      self.reasons()[-1])
        self.assertEqual('UPDATE_COMPLETE', self.state(self.identity))
        self.assertEqual(self.reverted, self.stored())

    def test_an_event_says_that_it_came_after_a_failure(self):
        self._cancel_after(lambda: self.set_stack(
            status='FAILED', current_traversal=''))
        self.assertIn('was not begun', self.reasons()[-1])

    def test_no_event_when_a_newer_operation_is_at_work(self):
        self._cancel_after(
            lambda: self.set_stack(current_traversal='newer'))
        self.assertFalse([reason for reason in self.reasons()
                          if 'was not begun' in reason])


class RollbackTest(RevertedCase):
    """A rollback that a failed operation begins."""

    def test_an_event_says_that_it_lost_its_traversal(self):
        self.convert(self.identity)
        self.begin_update()
        self.set_stack(status='FAILED')
        stack = parser.Stack.load(self.ctx, self.stack_id)
        self.before(parser.Stack, 'converge_stack',
                    lambda: self.set_stack(current_traversal=''))
        stack.rollback()
        self.assertEqual('UPDATE_FAILED', self.state(self.identity))
        self.assertIn('The rollback was not begun', self.reasons()[-1])


class SignalTest(RevertedCase):
    """A signal that scales a group, which Heat answers before it acts."""

    template = test_threads.SCALING

    def setUp(self):
        super().setUp()
        self.convert(self.identity)
        self.members = len(self.stored()[0].resources)

    def _signal(self):
        self.heat.resource_signal(utils.dummy_context(), self.identity,
                                  'grow', {})
        self.heat.run()

    def assertGrown(self):
        self.assertEqual(self.members + 1, len(self.stored()[0].resources))
        self.assertDone('CREATE')

    def test_it_scales_the_group_that_is_reverted_before_its_traversal(self):
        self.before(parser.Stack, 'converge_stack', self.revert)
        self._signal()
        self.assertGrown()

    def test_it_scales_the_group_that_is_reverted_before_its_thread(self):
        self.before(synchronous.Threads, 'start', self.revert)
        self._signal()
        self.assertGrown()


class WorkerTest(RevertedCase):

    def test_a_late_message_changes_nothing(self):
        log = self.useFixture(log_file.LogFile())
        self.convert(self.identity)
        traversal = self.row(self.identity)['current_traversal']
        self.revert()
        for row in self.reverted[0].resources:
            for is_update in (True, False):
                self.heat._client(worker_api.TOPIC).cast(
                    self.ctx, 'check_resource', resource_id=row['id'],
                    current_traversal=traversal, data={},
                    is_update=is_update, adopt_stack_data=None)
        self.heat.run()
        self.assertEqual(self.reverted, self.stored())
        self.assertEqual([], self.heat.errors)
        lines = log.lines()
        self.assertEqual(
            2 * len(self.reverted[0].resources),
            len([line for line in lines if 'Ignored a message' in line]))
        self.assertFalse([line for line in lines if 'Traceback' in line])
        self.assertWorks()
