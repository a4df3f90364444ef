# SPDX-License-Identifier: Apache-2.0

"""The stacks that heat-manage revert-convergence-1 selects."""

import io
import json
import os

import fixtures

from heat.db import models
from heat.engine import convergence_migrate
from heat.objects import event as event_object
from heat.objects import stack as stack_object
from heat.tests.migrate import command_case as case
from heat.tests import utils


class RevertCase(case.CommandTestCase):

    def converted(self, name):
        stack_id = self.legacy(name)
        convergence_migrate.convert(self.ctx, stack_id)
        return stack_id

    def native(self, name):
        """A stack as Heat creates it: convergence, and without our event."""
        stack_id = self.converted(name)
        self.forget_events(stack_id)
        return stack_id

    def forget_events(self, stack_id):
        """Delete all events of a stack, as Heat deletes the oldest."""
        with utils.get_engine().begin() as connection:
            connection.execute(models.Event.__table__.delete().where(
                models.Event.stack_id == stack_id))

    def reverted(self, *words, status=0):
        """Run the command; returns the ids of the reverted stacks."""
        found, done = self.outcomes('revert-convergence-1', *words)
        self.assertEqual(status, found, done)
        return [stack['id'] for stack in done
                if stack['outcome'] == 'reverted']


class AllTest(RevertCase):

    def test_all_are_those_that_a_conversion_made(self):
        native = self.native('native')
        converted = self.converted('converted')
        self.assertEqual([converted], self.reverted('--all'))
        self.assertTrue(self.is_convergence(native))

    def test_a_legacy_stack_needs_no_revert(self):
        status, out, _err = self.run_command('revert-convergence-1',
                                             self.legacy())
        self.assertEqual(0, status)
        self.assertIn('1 already legacy', out)

    def test_include_native_takes_every_convergence_stack(self):
        ids = [self.native('native'), self.converted('converted')]
        self.assertEqual(ids, self.reverted('--all', '--include-native'))

    def test_a_native_stack_that_was_repaired_stays(self):
        native = self.native('native')
        with utils.get_engine().begin() as connection:
            connection.execute(models.Stack.__table__.update().values(
                current_deps=None))
        convergence_migrate.repair(self.ctx, native)
        self.assertIn('Repaired', event_object.Event.get_all_by_stack(
            self.ctx, native)[0].resource_status_reason)
        self.assertEqual([], self.reverted('--all'))

    def test_a_refused_conversion_is_none(self):
        native = self.native('native')
        event_object.Event.create(self.ctx, {
            'stack_id': native, 'resource_action': 'MIGRATE',
            'resource_status': 'FAILED',
            'resource_status_reason': 'Converted to convergence it is not'})
        self.assertEqual([], self.reverted('--all'))

    def test_a_converted_stack_without_its_event_is_named_by_its_id(self):
        stack_id = self.converted('old')
        self.forget_events(stack_id)
        self.assertEqual([], self.reverted('--all'))
        self.assertEqual([stack_id], self.reverted(stack_id))

    def test_what_was_reverted_and_converted_again_is_taken(self):
        stack_id = self.converted('again')
        convergence_migrate.revert(self.ctx, stack_id)
        self.assertEqual([], self.reverted('--all'))
        convergence_migrate.convert(self.ctx, stack_id)
        self.assertEqual([stack_id], self.reverted('--all'))

    def test_all_of_a_project(self):
        theirs = self.converted('theirs')
        stack_object.Stack.update_by_id(self.ctx, theirs, {'tenant': 'them'})
        self.converted('ours')
        self.assertEqual([theirs],
                         self.reverted('--all', '--project', 'them'))

    def test_dry_run_names_the_same_stacks(self):
        self.native('native')
        converted = self.converted('converted')
        status, done = self.outcomes('revert-convergence-1', '--all',
                                     '--dry-run')
        self.assertEqual((0, [(converted, 'planned')]), (
            status, [(stack['id'], stack['outcome']) for stack in done]))
        self.assertTrue(self.is_convergence(converted))


class FromTest(RevertCase):
    """The rollback plan of a run."""

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.useFixture(fixtures.TempDir()).path,
                                 'converted.jsonl')

    def _run_and_keep(self, *words):
        _status, out, _err = self.run_command(
            'migrate-convergence-1', *words, '--format', 'json')
        with open(self.path, 'w') as target:
            target.write(out)
        return out

    def test_it_takes_what_that_run_converted(self):
        before = self.converted('before')
        ids = [self.legacy('one'), self.legacy('two')]
        self._run_and_keep(before, *ids)
        after = self.converted('after')
        self.assertEqual(ids, self.reverted('--from', self.path))
        for stack_id in (before, after):
            self.assertTrue(self.is_convergence(stack_id))

    def test_it_needs_no_event(self):
        stack_id = self.legacy()
        self._run_and_keep(stack_id)
        self.forget_events(stack_id)
        self.assertEqual([stack_id], self.reverted('--from', self.path))

    def test_what_that_run_left_is_not_taken(self):
        left = self.legacy('left')
        self.set_status(left, 'FAILED')
        self._run_and_keep('--all')
        self.assertEqual([], self.reverted('--from', self.path))

    def test_a_stack_that_was_deleted_since_is_gone(self):
        stack_id = self.legacy()
        self._run_and_keep('--all')
        stack_object.Stack.delete(self.ctx, stack_id)
        status, done = self.outcomes('revert-convergence-1', '--from',
                                     self.path)
        self.assertEqual((0, ['gone']), (
            status, [stack['outcome'] for stack in done]))

    def test_a_dry_run_has_converted_nothing(self):
        self.legacy()
        self._run_and_keep('--all', '--dry-run')
        self.assertEqual([], self.reverted('--from', self.path))

    def test_standard_input_and_again(self):
        stack_id = self.legacy()
        out = self._run_and_keep('--all')
        for expected in ([stack_id], []):
            self.useFixture(fixtures.MonkeyPatch('sys.stdin',
                                                 io.StringIO(out)))
            self.assertEqual(expected, self.reverted('--from', '-'))

    def test_limit_and_two_runs_in_one_file(self):
        ids = [self.legacy('one'), self.legacy('two')]
        lines = self._run_and_keep('--all')
        with open(self.path, 'a') as target:
            target.write('\n' + lines)
        self.assertEqual(ids[:1], self.reverted('--from', self.path,
                                                '--limit', '1', status=1))

    def _error(self):
        status, out, err = self.run_command(
            'revert-convergence-1', '--from', self.path)
        self.assertEqual((2, ''), (status, out))
        line, = err.splitlines()
        return line

    def test_a_file_that_is_not_there(self):
        self.assertIn(self.path, self._error())

    def test_lines_that_no_run_has_printed(self):
        good = json.dumps({'id': 'x', 'name': 'x', 'project': 'x',
                           'outcome': 'already'})
        odd = [json.dumps({'id': stack_id, 'name': 'x', 'project': name,
                           'outcome': 'converted'})
               for stack_id, name in ((['x'], 'x'), (None, 'x'), ('x', []))]
        for bad in ('| a table |', '[]', '{"id": "x"}', '1', '[' * 100000,
                    *odd):
            with open(self.path, 'w') as target:
                target.write('%s\n%s\n' % (good, bad))
            self.assertIn('Line 2 of %s' % self.path, self._error())

    def test_bytes_that_are_no_text(self):
        with open(self.path, 'wb') as target:
            target.write(b'\xff\xfe')
        self.assertIn('Cannot read', self._error())
