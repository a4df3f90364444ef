# SPDX-License-Identifier: Apache-2.0

"""The commands of heat-manage, in processes of their own."""

import json
import os

import fixtures
from oslo_config import cfg

from heat.db import models
from heat.tests.functional.commands import command
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import processes


class _Commands:
    """Tests for every database; a subclass adds the database."""

    def test_named_stack_converts_with_everything_below_it(self):
        stack_id = self.create(command.NESTED)['stack_id']
        outcome = self.report('migrate-convergence-1', stack_id)[stack_id]
        self.assertEqual('converted', outcome['outcome'])
        self.assertEqual(3, outcome['nested'])
        tree = self.tree(stack_id)
        self.assertEqual({True}, tree.convergence())
        self.assertEqual(4, len(tree.stacks))
        self.assertEqual(len(tree.resources), outcome['resources'])

    def test_all_converts_with_worker_processes(self):
        ids = self.create_many(30)
        outcomes = self.report('migrate-convergence-1', '--all',
                               '--workers', '3')
        self.assertEqual(set(ids), set(outcomes))
        self.assertEqual({True: 30}, self.convergence())
        self.assertEqual({}, self.report('migrate-convergence-1', '--all'))

    def test_two_commands_at_once_convert_each_stack_once(self):
        ids = self.create_many(60)
        both = [self.commands.start('migrate-convergence-1', '--all',
                                    '--workers', '2', '--format', 'json')
                for _index in range(2)]
        for process in both:
            self.assertEqual(0, process.wait(), process.log())
            self.assertLessEqual(
                {outcome['outcome'] for outcome
                 in process.outcomes().values()}, {'converted', 'already'})
        self.assertEqual({stack_id: 1 for stack_id in ids},
                         self.conversions())

    def test_convert_revert_and_convert_again_between_updates(self):
        identity = self.create(command.NESTED)
        stack_id = identity['stack_id']
        before = self.tree(stack_id).but_for('atomic_key')
        self.report('migrate-convergence-1', stack_id)
        converted = self.report('revert-convergence-1', stack_id)[stack_id]
        self.assertEqual('reverted', converted['outcome'])
        self.assertEqual(before, self.tree(stack_id).but_for('atomic_key'))

        # With true, the legacy engine would create convergence stacks.
        cfg.CONF.set_override('convergence_engine', False)
        self._update(identity, 3)
        cfg.CONF.set_override('convergence_engine', True)
        self.assertEqual({False}, self.tree(stack_id).convergence())
        self.report('migrate-convergence-1', stack_id)
        self._update(identity, 1)

        after = self.tree(stack_id)
        self.assertEqual({True}, after.convergence())
        self.assertEqual(3, len(after.stacks))
        kept = set(before.physical_ids().items())
        self.assertLess(set(after.physical_ids().items()), kept)

    def _update(self, identity, count):
        before = self.row(identity)['updated_at']
        self.heat.update_stack(self.ctx, identity, command.NESTED,
                               {'parameters': {'count': count}}, {}, {})
        processes.wait_until(
            lambda: self.row(identity)['updated_at'] != before, 'update')
        self.wait_for(identity)

    def test_status_counts_by_project_and_state(self):
        ids = self.create_many(4)
        self.set_columns(models.Stack, models.Stack.id == ids[0],
                         status='FAILED')
        self.set_columns(models.Stack, models.Stack.id == ids[1],
                         tenant='other')
        self.report('migrate-convergence-1', ids[2])
        done = self.manage('convergence-status', '--format', 'json')
        counts = [json.loads(line)
                  for line in done.stdout.splitlines()]
        tenant = self.ctx.project_id
        self.assertEqual(
            {(tenant, 'convergence'): 1, (tenant, 'failed'): 1,
             (tenant, 'ready'): 1, ('other', 'ready'): 1},
            {(count['project'], count['state']): count['roots']
             for count in counts if 'state' in count})
        self.assertEqual([{'with_failed': 'ready', 'project': tenant,
                           'roots': 1}],
                         [count for count in counts if 'state' not in count])


class SQLiteCommandTest(_Commands, command.CommandTestCase):
    """Also what does not depend on the database."""

    backend = databases.SQLITE

    def test_old_name_of_the_command_and_the_table(self):
        stack_id = self.create(command.SMALL)['stack_id']
        done = self.manage('migrate_convergence_1', stack_id)
        self.assertIn('1 converted.', done.stdout)
        self.assertEqual({True}, self.tree(stack_id).convergence())
        again = self.manage('migrate_convergence_1', stack_id)
        self.assertIn('1 already convergence.', again.stdout)

    def test_dry_run_writes_nothing(self):
        stack_id = self.create(command.NESTED)['stack_id']
        before = self.tree(stack_id)
        done = self.manage('migrate-convergence-1', stack_id, '--dry-run')
        self.assertIn('4 stacks, %d resources' % len(before.resources),
                      done.stdout)
        self.assertEqual(before, self.tree(stack_id))
        self.assertEqual({}, self.conversions())

    def test_stack_in_progress_is_left_for_another_run(self):
        ids = self.create_many(3)
        self.set_columns(models.Stack, models.Stack.id == ids[0],
                         status='IN_PROGRESS', action='UPDATE')
        outcomes = self.report('migrate-convergence-1', *ids, status=1)
        self.assertEqual(('refused', 'in_progress'),
                         (outcomes[ids[0]]['outcome'],
                          outcomes[ids[0]]['code']))
        self.assertEqual({True: 2, False: 1}, self.convergence())

    def test_from_reverts_what_one_run_converted(self):
        early, = self.create_many(1)
        self.report('migrate-convergence-1', '--all')
        ids = self.create_many(2)
        run = self.manage('migrate-convergence-1', '--all',
                          '--format', 'json')
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'run')
        with open(path, 'w') as target:
            target.write(run.stdout)
        outcomes = self.report('revert-convergence-1', '--from', path)
        self.assertEqual(set(ids), set(outcomes))
        self.assertEqual({True: 1, False: 2}, self.convergence())
        self.assertEqual([early], list(
            self.report('revert-convergence-1', '--all')))


class MySQLCommandTest(_Commands, command.CommandTestCase):
    backend = databases.MYSQL


class PostgreSQLCommandTest(_Commands, command.CommandTestCase):
    backend = databases.POSTGRESQL
