# SPDX-License-Identifier: Apache-2.0

"""RabbitMQ goes away while stacks are converted.

A stack that was created under convergence has the same fault at the same step.
It shows what Heat does by itself.
"""

from concurrent import futures
import contextlib
import copy

from heatclient import exc as heat_exc

from heat.db import models
from heat.rpc import api as rpc_api
from heat.rpc import worker_api
from heat.tests.functional.commands import command
from heat.tests.functional.faults import broker_node
from heat.tests.functional.faults import table as fault_table
from heat.tests.functional.harness import case
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import deployment
from heat.tests.functional.harness import held_table
from heat.tests.functional.harness import processes

_ENGINES = 2

# The queues of the work that any engine may do.
_QUEUES = (rpc_api.ENGINE_TOPIC, worker_api.TOPIC)

_FOR_COMMAND = ('first', 'second', 'third')

_GROWN = copy.deepcopy(command.NESTED)
_GROWN['parameters']['count']['default'] += 1


class _Deployment(deployment.Deployment):
    """With a broker of its own.

    :ivar node: the broker_node.Node
    """

    def _start_broker(self):
        self.node = self.useFixture(broker_node.Node())
        return self.node.url

    def wait_for_consumers(self):
        """Wait until all engines are back at a broker that was away.

        Earlier messages are lost: the broker loses Heat's queues, and a sender
        does not check that there is a queue.
        """
        processes.wait_until(
            lambda: all(self.node.consumers(queue) == _ENGINES
                        for queue in _QUEUES), 'consumers')


class BrokerRestartTest(case.DeploymentTestCase):
    """The engines wait for a locked table while the broker stops.

    So it stops at the same step each time.
    """

    deployment_class = _Deployment
    backend = databases.POSTGRESQL
    engines = _ENGINES
    legacy_stacks = {name: {'template': command.NESTED}
                     for name in ('restarted', 'down', *_FOR_COMMAND)}

    @classmethod
    def find_missing(cls):
        return super().find_missing() or broker_node.missing()

    def test_restart_between_conversion_and_first_worker_message(self):
        with self._held_before_first_message('restarted') as stack_ids:
            self.heat.node.restart()
            self.heat.wait_for_consumers()
        for stack_id in stack_ids:
            self.heat.wait_for(stack_id, 'UPDATE_COMPLETE')
        self._note(fault_table.BROKER_RESTARTED, fault_table.UPDATE,
                   stack_ids[:1])

    def test_no_broker_at_the_first_worker_message(self):
        with self._held_before_first_message('down') as stack_ids:
            self.heat.node.stop()
        for stack_id in stack_ids:
            self._wait_for_sync_point(stack_id)
        self.heat.node.start()
        self.heat.wait_for_consumers()
        # Whether an engine still sends the message or has done so too early
        # is up to its timers. The way out of both is that of native stacks.
        self._update_again(stack_ids)
        self._note(fault_table.BROKER_DOWN, fault_table.UPDATE,
                   stack_ids[:1])

    def test_restart_while_engines_convert_what_the_command_gave_them(self):
        stack_ids = [self.stack_id(name) for name in _FOR_COMMAND]
        arguments = ('migrate-convergence-1', '--via-engines', '--format',
                     'json', *stack_ids)
        with futures.ThreadPoolExecutor() as pool:
            with held_table.held(self.heat.database, models.StackLock):
                run = pool.submit(self.heat.heat_manage, *arguments)
                held_table.wait_for_waiting(self.heat.database, _ENGINES)
                self.heat.node.restart()
                self.heat.wait_for_consumers()
        done = run.result()
        self.assertNotIn('Traceback', done.stdout + done.stderr)
        self.assertEqual(set(stack_ids), set(command.outcomes(done.stdout)))
        self._note(fault_table.BROKER_RESTARTED, fault_table.VIA_ENGINES,
                   stack_ids)
        again = self.heat.heat_manage(*arguments)
        self.assertEqual(0, again.returncode, again.stdout + again.stderr)
        self._update_again(stack_ids)

    @contextlib.contextmanager
    def _held_before_first_message(self, name):
        """Update a legacy stack and a native one; hold both meanwhile.

        An update writes sync points before it sends the first message to a
        worker, and nothing of a conversion does.

        :param name: of the legacy stack
        :returns: the ids of both.
        """
        native = name + '-native'
        self.heat.client.stacks.create(stack_name=native,
                                       template=command.NESTED)
        self.heat.wait_for(native, 'CREATE_COMPLETE')
        stack_ids = [self.stack_id(name), self.stack_id(native)]
        pool = futures.ThreadPoolExecutor()
        self.addCleanup(pool.shutdown)
        with held_table.held(self.heat.database, models.SyncPoint):
            for stack_id in stack_ids:
                pool.submit(self._update, stack_id)
            held_table.wait_for_waiting(self.heat.database, len(stack_ids))
            for stack_id in stack_ids:
                self.assertEqual({True}, self.tree(stack_id).convergence())
            yield stack_ids

    def _update(self, stack_id):
        # The answer may be lost with the broker.
        with contextlib.suppress(heat_exc.HTTPException):
            self.heat.client.stacks.update(stack_id, template=_GROWN)

    def _update_again(self, stack_ids):
        for stack_id in stack_ids:
            self.heat.client.stacks.update(stack_id, existing=True)
        for stack_id in stack_ids:
            self._wait_for_update(stack_id)

    def _wait_for_update(self, stack_id):
        """Wait for the end of an update that may have overtaken another.

        Of two at a time Heat may fail one, when both delete the template
        before them (ForeignKeyViolation). A user would update again.
        """
        try:
            self.heat.wait_for(stack_id, 'UPDATE_COMPLETE')
        except processes.Unready as exc:
            if 'UPDATE_FAILED' not in str(exc):
                raise
            self.heat.client.stacks.update(stack_id, existing=True)
            self.heat.wait_for(stack_id, 'UPDATE_COMPLETE')

    def _wait_for_sync_point(self, stack_id):
        """Wait for the sync point of the stack, which is written last."""
        processes.wait_until(
            lambda: self.heat.database.rows(
                models.SyncPoint, stack_id=stack_id, entity_id=stack_id),
            'sync point')

    def _note(self, fault, by, stack_ids):
        fault_table.check(self, [fault_table.row(
            fault, by, self.backend, list(map(self._state, stack_ids)))])

    def _state(self, stack_id):
        tree = self.tree(stack_id)
        ids = {stack['id'] for stack in tree.stacks}
        if (len(tree.convergence()) > 1 or
                {stack['status'] for stack in tree.stacks} != {'COMPLETE'} or
                any(row['stack_id'] in ids for row in
                    self.heat.database.rows(models.StackLock))):
            return fault_table.LOST
        return (fault_table.CONVERTED if tree.convergence() == {True}
                else fault_table.LEGACY)
