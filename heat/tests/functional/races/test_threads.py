# SPDX-License-Identifier: Apache-2.0

"""Operations on a legacy stack in a thread, or without its lock."""

from unittest import mock

from oslo_config import cfg

from heat.db import api as db_api
from heat.engine import service
from heat.engine import stack as parser
from heat.engine import stack_lock
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import processes
from heat.tests.functional.races import case as race_case
from heat.tests import utils


SCALING = dict(race_case.TEMPLATE, resources=dict(
    race_case.TEMPLATE['resources'],
    scaled={'type': 'OS::Heat::AutoScalingGroup', 'properties': {
        'min_size': 1, 'max_size': 3,
        'resource': {'type': 'OS::Heat::RandomString'}}},
    grow={'type': 'OS::Heat::ScalingPolicy', 'properties': {
        'adjustment_type': 'change_in_capacity',
        'auto_scaling_group_id': {'get_resource': 'scaled'},
        'scaling_adjustment': 1}}))


def hold_lock(test):
    """Take the lock of the stack of a test, as an operation does.

    :returns: a function that ends the operation and converts the stack
    """
    lock = stack_lock.StackLock(utils.dummy_context(), test.stack_id,
                                test.heat.engine_id)
    lock.acquire()

    def end_and_convert():
        lock.release()
        test.convert_and_note()
    return end_and_convert


class _Threads:

    template = SCALING

    def test_a_signal_scales_under_convergence(self):
        self.stub_auth()
        self.before(service.ThreadGroupManager, 'start',
                    self.convert_and_note)

        self.heat.resource_signal(utils.dummy_context(), self.identity,
                                  'grow', {})

        def grown():
            return (len(self.stored()[0].resources) ==
                    len(self.converted[0].resources) + 1)
        processes.wait_until(grown, 'new member of the group')
        self.assertWorks()

    def test_a_cancel_comes_too_late_and_changes_nothing(self):
        self.set_stack(action='UPDATE', status='IN_PROGRESS')

        def end_and_convert():
            self.set_stack(status='COMPLETE')
            self.convert_and_note()

        self.before(db_api, 'stack_lock_get_engine_id', end_and_convert)

        self.heat.stack_cancel_update(utils.dummy_context(), self.identity)

        self.assertEqual(self.converted, self.stored())
        self.assertConvergence()

    def test_the_deletion_of_a_snapshot_changes_no_resource(self):
        snapshot_id = self.take_snapshot()
        self.before(service.ThreadGroupManager, 'start',
                    self.convert_and_note)

        self.heat.delete_snapshot(utils.dummy_context(), self.identity,
                                  snapshot_id)

        processes.wait_until(lambda: not self.stored()[1],
                             'deletion of the snapshot')
        self.assertEqual(self.converted[0], self.stored()[0])
        self.assertWorks()

    def assertDeletes(self):
        """Delete the stack, and check that convergence does it."""
        legacy_delete = self.patchobject(parser.Stack, 'delete')
        converge = self.patchobject(parser.Stack, 'converge_stack')

        self.operate('delete')

        processes.wait_until(lambda: converge.called or legacy_delete.called,
                             'deletion of the stack')
        legacy_delete.assert_not_called()
        converge.assert_called_once_with(
            template=mock.ANY, action=parser.Stack.DELETE,
            pre_converge=mock.ANY)
        self.assertEqual({}, converge.call_args[1]['template']['resources'])
        self.assertConvergence()

    def test_a_delete_that_waited_for_an_operation_is_not_lost(self):
        # HeatTestCase has none.
        cfg.CONF.set_override('error_wait_time', race_case.PATIENCE)
        end_and_convert = hold_lock(self)

        def wait_then_delete():
            self.before(db_api, 'stack_lock_create', end_and_convert)

        # The thread that waits for the lock, once it was refused.
        self.before(service.ThreadGroupManager, 'send', wait_then_delete)

        self.assertDeletes()

    def test_a_delete_that_waited_as_long_as_it_may_is_not_lost(self):
        # Heat adds 10 seconds to it.
        cfg.CONF.set_override('error_wait_time', -9)
        end_and_convert = hold_lock(self)
        self.patchobject(service.ThreadGroupManager, 'stop')
        # It has loaded the stack for the last time.
        self.before(service.ThreadGroupManager, 'start_with_lock',
                    end_and_convert)

        self.assertDeletes()

    def test_a_starting_engine_does_not_fail_a_convergence_update(self):
        self.set_stack(status='IN_PROGRESS')

        def update_under_convergence():
            self.set_stack(status='COMPLETE')
            self.convert()
            self.set_stack(action='UPDATE', status='IN_PROGRESS')
            self.converted = self.stored()

        self.before(db_api, 'stack_lock_create', update_under_convergence)

        self.heat.reset_stack_status()

        self.wait_until_idle()
        self.assertEqual(self.converted, self.stored())
        self.assertUnlocked()


class MySQLTest(_Threads, race_case.RaceTestCase):
    backend = databases.MYSQL


class PostgreSQLTest(_Threads, race_case.RaceTestCase):
    backend = databases.POSTGRESQL
