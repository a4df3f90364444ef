# SPDX-License-Identifier: Apache-2.0

"""heat-manage --verify --all and --repair --all, on stacks with a history."""

import os

import fixtures
import sqlalchemy

from heat.tests.functional.commands import command
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import stored_rows
from heat.tests.functional.lockstep import templates
from heat.tests.functional.lockstep import test_differential

#: The resource type for the command. It must not import heat.tests, which
#: chooses the threads of the process.
_PLUGIN = '''
from heat.engine import properties
from heat.engine import resource


class Lockstep(resource.Resource):
    properties_schema = {
        name: properties.Schema(properties.Schema.STRING)
        for name in ('value', 'fail', 'immutable')}


def resource_mapping():
    return {'Test::Lockstep': Lockstep}
'''

#: The operations after the create, each with its number.
HISTORIES = (
    (), (('change', 0),), (('replace', 0), ('replace', 3)), (('rename', 0),),
    (('unlink', 1),), (('switch', 0), ('switch', 0)),
    (('mark_unhealthy', 0),), (('mark_unhealthy', 0), ('change', 1)),
    (('roll_back', 0),), (('fail', 0), ('check', 0)),
    (('fail', 0), ('change', 0)), (('suspend', 0),),
    (('suspend', 0), ('resume', 0)), (('snapshot', 0), ('restore', 0)),
    (('scale', 0), ('scale', 1)))


def _template():
    node, recorder = templates.Node, templates.RECORDER
    return templates.Template({
        'r0': node(recorder),
        'r1': node(recorder, links={'r0': templates.DEPENDS_ON}),
        'r2': node(recorder, conditional=True,
                   links={'r1': templates.ATTRIBUTE}),
        'r3': node(templates.GROUP, links={'r2': templates.DEPENDS_ON})})


class HistoriesCommandTest(test_differential.DifferentialTestCase):

    def copy_database(self):
        """Copy all rows, as they are stored, to where a process finds them."""
        copy = self.useFixture(databases.Database(databases.SQLITE))
        metadata = sqlalchemy.MetaData()
        metadata.reflect(self.database.engine)
        with (self.database.engine.connect() as source,
              copy.engine.begin() as target):
            for table in metadata.sorted_tables:
                rows = [dict(row) for row in
                        source.execute(table.select()).mappings()]
                if rows:
                    target.execute(table.insert(), rows)
        return copy

    def test_the_command_finds_nothing_to_repair(self):
        ids = {identity['stack_id'] for operations in HISTORIES
               for identity in self.operate(
                   _template(), operations).identities}
        database = self.copy_database()
        plugins = self.useFixture(fixtures.TempDir()).path
        with open(os.path.join(plugins, 'lockstep_types.py'), 'w') as plugin:
            plugin.write(_PLUGIN)
        commands = self.useFixture(command.Commands(
            database.url, plugin_dirs=plugins))
        rows = stored_rows.Rows(database)
        self.addCleanup(rows.close)
        before = rows.read()
        for option in ('--verify', '--repair'):
            done = commands.run('migrate-convergence-1', option, '--all',
                                '--format', 'json')
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
            self.assertEqual(
                dict.fromkeys(ids, 'ok'),
                {stack_id: found['outcome'] for stack_id, found in
                 command.outcomes(done.stdout).items()})
            self.assertEqual(before, rows.read())
