# SPDX-License-Identifier: Apache-2.0

"""heat-manage converts many small stacks together."""

import os

from heat.db import models
from heat.tests.functional.commands import command
from heat.tests.functional.harness import databases

_COUNT = 24

#: Resource types whose plug-ins fail badly while they add dependencies.
_PLUGINS = '''
import os, signal, time
from heat.engine import resource


class Hangs(resource.Resource):
    properties_schema = {}

    def add_dependencies(self, deps):
        time.sleep(3600)


class Dies(resource.Resource):
    properties_schema = {}

    def add_dependencies(self, deps):
        os.kill(os.getpid(), signal.SIGKILL)


def resource_mapping():
    return {'Test::Hangs': Hangs, 'Test::Dies': Dies}
'''

#: Columns that differ between all stacks, by table.
_OWN = {'stack': {'id', 'name', 'created_at', 'current_traversal',
                  'raw_template_id', 'user_creds_id', 'updated_at'},
        'resource': {'id', 'uuid', 'stack_id', 'root_stack_id', 'created_at',
                     'nova_instance', 'rsrc_prop_data_id', 'updated_at'}}


class _Batches:
    """Tests for every database; a subclass adds the database."""

    def setUp(self):
        super().setUp()
        folder = self.commands.folder
        with open(os.path.join(folder, 'harmful.py'), 'w') as plugins:
            plugins.write(_PLUGINS)
        self.commands = self.useFixture(command.Commands(
            self.database.url, plugin_dirs=folder))

    def described(self, stack_id):
        """The rows of a stack, with names instead of ids."""
        tree = self.tree(stack_id)
        names = {row['id']: row['name'] for row in tree.resources}
        root, = tree.stacks
        for row in tree.resources:
            self.assertEqual(stack_id, row['root_stack_id'])
            self.assertEqual(root['raw_template_id'],
                             row['current_template_id'])
        return (
            _without(root, 'stack') | {'current_deps': [
                [node and names[node[0]] for node in edge]
                for edge in root['current_deps']['edges']]},
            [_without(row, 'resource') | {
                'current_template_id': None,
                'requires': [names[key] for key in row['requires']],
                'needed_by': [names[key] for key in row['needed_by']]}
             for row in tree.resources])

    def test_rows_equal_those_of_one_by_one(self):
        ids = self.create_many(_COUNT)
        alone = ids[:3]
        self.report('migrate-convergence-1', *alone)
        found = self.report('migrate-convergence-1', '--all', '--workers',
                            '2')
        self.assertEqual(set(ids[3:]), set(found))
        self.assertEqual({'converted'}, {
            outcome['outcome'] for outcome in found.values()})
        expected = self.described(alone[0])
        for stack_id in ids:
            self.assertEqual(expected, self.described(stack_id))
        self.assertEqual(dict.fromkeys(ids, 1), self.conversions())
        self.assertEqual([], self.database.rows(models.StackLock))

    def assertOnlyOneFails(self, kind, code, *arguments):
        """A plug-in fails badly: the rest of its batch is converted."""
        ids = self.create_many(_COUNT)
        guilty = ids[_COUNT // 3]
        template_id = self.row({'stack_id': guilty})['raw_template_id']
        self.set_columns(
            models.RawTemplate, models.RawTemplate.id == template_id,
            template=dict(command.SMALL, resources=dict(
                command.SMALL['resources'], a={'type': kind})))
        found = self.report('migrate-convergence-1', '--all', '--workers',
                            '1', *arguments, status=2)
        self.assertEqual(set(ids), set(found))
        self.assertEqual({'converted': _COUNT - 1, 'failed': 1}, {
            outcome: sum(1 for one in found.values()
                         if one['outcome'] == outcome)
            for outcome in ('converted', 'failed')}, found[guilty])
        self.assertEqual(code, found[guilty]['code'])
        self.assertEqual(
            dict.fromkeys(set(ids) - {guilty}, 1), self.conversions())
        self.assertFalse(self.row({'stack_id': guilty})['convergence'])

    def test_one_whose_plug_in_hangs(self):
        self.assertOnlyOneFails('Test::Hangs', 'timeout', '--stack-timeout',
                                '3s')

    def test_one_whose_plug_in_ends_the_worker(self):
        self.assertOnlyOneFails('Test::Dies', 'worker_died')


def _without(row, table):
    return {key: value for key, value in row.items()
            if key not in _OWN[table]}


class SQLiteBatchesTest(_Batches, command.CommandTestCase):
    """Also what does not depend on the database."""

    backend = databases.SQLITE

    def test_limit_and_remaining_stacks(self):
        ids = self.create_many(_COUNT)
        self.set_columns(models.Stack, models.Stack.id == ids[1],
                         status='FAILED')
        found = self.report('migrate-convergence-1', '--all', '--workers',
                            '1', '--limit', '13', status=1)
        self.assertEqual(13, self.convergence()[True])
        self.assertEqual(13, sum(outcome['outcome'] == 'converted'
                                 for outcome in found.values()))
        rest = self.report('migrate-convergence-1', '--all', '--workers',
                           '1', status=1)
        self.assertEqual('failed', rest[ids[1]]['code'])
        self.assertEqual({True: _COUNT - 1, False: 1}, self.convergence())


class MySQLBatchesTest(_Batches, command.CommandTestCase):
    backend = databases.MYSQL


class PostgreSQLBatchesTest(_Batches, command.CommandTestCase):
    backend = databases.POSTGRESQL
