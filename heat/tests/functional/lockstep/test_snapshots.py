# SPDX-License-Identifier: Apache-2.0

"""Snapshots from before a conversion behave as those of convergence."""

import contextlib
import copy

from oslo_messaging.rpc import dispatcher

from heat.db import models
from heat.engine import resource
from heat.tests.functional.harness import inprocess
from heat.tests.functional.harness.plugins import recorder
from heat.tests.functional.harness import processes
from heat.tests import releases

TEMPLATE = {
    'heat_template_version': '2018-08-31',
    'resources': {
        'one': {'type': 'Test::Recorder', 'properties': {'value': 'before'}},
        'two': {'type': 'Test::Recorder',
                'properties': {'value': {'get_attr': ['one', 'copy']}}},
        'group': {'type': 'OS::Heat::ResourceGroup', 'properties': {
            'count': 1, 'resource_def': {'type': 'Test::Recorder'}}},
    },
}


def changed():
    """Another value, one resource less and one more."""
    template = copy.deepcopy(TEMPLATE)
    template['resources']['one']['properties']['value'] = 'after'
    template['resources']['three'] = template['resources'].pop('two')
    return template


class SnapshotsTest(inprocess.EngineTestCase):
    """Each test runs on a native and on a converted stack."""

    def setUp(self):
        super().setUp()
        for name, plugin in recorder.resource_mapping().items():
            resource._register_class(name, plugin)

    def snapshotted(self, convergence, template=TEMPLATE, status='COMPLETE'):
        """Create a stack with a snapshot, and convert it if it is legacy.

        :returns: the identity of the stack and the id of the snapshot.
        """
        stack = self.create(template, convergence)
        snapshot = self.heat.stack_snapshot(self.ctx, stack, 'daily')
        self.wait_for(stack, status)
        if not convergence:
            if status != 'COMPLETE':
                self.heat.update_stack(self.ctx, stack, TEMPLATE, {}, {}, {})
                self.wait_for(stack)
            self.convert(stack)
        return stack, snapshot['id']

    @contextlib.contextmanager
    def recorded(self):
        """Collect the calls of handlers, whose order is not fixed."""
        del recorder.calls[:]
        found = []
        yield found
        found.extend(sorted(recorder.calls, key=str))

    def assertSameCalls(self, operation):
        """An operation makes the same calls on both stacks."""
        expected, found = [], []
        for calls, convergence in ((expected, True), (found, False)):
            stack, snapshot_id = self.snapshotted(convergence)
            with self.recorded() as recorded:
                operation(stack, snapshot_id)
            calls.extend(recorded)
        self.assertNotEqual([], expected)
        self.assertEqual(expected, found)
        return found

    def _restore(self, stack, snapshot_id):
        self.heat.stack_restore(self.ctx, stack, snapshot_id)
        self.assertEqual('RESTORE', self.wait_for(stack)['action'])

    def _change_and_restore(self, stack, snapshot_id):
        self.heat.update_stack(self.ctx, stack, changed(), {}, {}, {})
        self.wait_for(stack)
        self._restore(stack, snapshot_id)

    def _delete(self, stack, snapshot_id):
        self.heat.delete_snapshot(self.ctx, stack, snapshot_id)
        processes.wait_until(lambda: not self.database.rows(
            models.Snapshot, id=snapshot_id), 'deleted snapshot')
        if releases.RESOURCE_SNAPSHOTS:
            self.assertEqual([], self.database.rows(
                models.ResourceSnapshot, snapshot_id=snapshot_id))

    def _delete_stack(self, stack, _snapshot_id):
        self.heat.delete_stack(self.ctx, stack)
        processes.wait_until(
            lambda: self.row(stack)['deleted_at'], 'deleted stack')

    def test_restore(self):
        calls = self.assertSameCalls(self._restore)
        self.assertIn(('one', 'restore', {'image': 'image-of-before'}), calls)

    def test_restore_with_changes_in_between(self):
        calls = self.assertSameCalls(self._change_and_restore)
        self.assertIn(('two', 'create', 'image-of-before'), calls)
        self.assertIn(('three', 'delete'), calls)

    def test_delete(self):
        calls = self.assertSameCalls(self._delete)
        # Since Heat 26 the resource does not get its physical id.
        physical_id = None if releases.RESOURCE_SNAPSHOTS else 'physical-one'
        self.assertIn(('one', 'delete_snapshot', physical_id,
                       {'image': 'image-of-before'}), calls)

    def test_delete_of_the_stack(self):
        self.assertSameCalls(self._delete_stack)

    def test_list_and_show(self):
        answers = []
        for convergence in (True, False):
            stack, snapshot_id = self.snapshotted(convergence)
            listed, = self.heat.stack_list_snapshots(self.ctx, stack)
            shown = self.heat.show_snapshot(self.ctx, stack, snapshot_id)
            self.assertEqual(listed, shown)
            self.assertEqual(stack['stack_id'], shown['data'].pop('id'))
            self.assertEqual(stack['stack_name'], shown['data'].pop('name'))
            del shown['id'], shown['creation_time']
            # The legacy engine shows the data of a whole nested stack.
            self.assertEqual({'one', 'two', 'group'},
                             set(shown['data']['resources']))
            del shown['data']['resources']['group']
            answers.append(shown)
        self.assertEqual(*answers)
        self.assertEqual('image-of-before', answers[0]['data']['resources'][
            'one']['resource_data']['image'])

    def _interrupted(self):
        """A snapshot that an engine left when it died."""
        stack = self.create(TEMPLATE)
        snapshot = self.heat.stack_snapshot(self.ctx, stack, 'daily')
        self.wait_for(stack)
        with self.database.engine.begin() as connection:
            connection.execute(models.Snapshot.__table__.update().where(
                models.Snapshot.id == snapshot['id']).values(
                    status='IN_PROGRESS', data=None))
        return stack, snapshot['id']

    def test_an_interrupted_one_can_be_deleted(self):
        stack, snapshot_id = self._interrupted()
        # The refusal of NotSupported, as an RPC method raises it.
        self.assertRaises(dispatcher.ExpectedException,
                          self.heat.delete_snapshot, self.ctx, stack,
                          snapshot_id)
        self.convert(stack)
        self._delete(stack, snapshot_id)

    def test_a_stack_with_an_interrupted_one_can_be_deleted(self):
        stack, snapshot_id = self._interrupted()
        self.convert(stack)
        self._delete_stack(stack, snapshot_id)

    def test_a_failed_one_can_be_deleted(self):
        failing = copy.deepcopy(TEMPLATE)
        failing['resources']['one']['properties']['fail'] = 'snapshot'
        for convergence in (True, False):
            self._delete(*self.snapshotted(convergence, failing, 'FAILED'))
