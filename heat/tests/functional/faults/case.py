# SPDX-License-Identifier: Apache-2.0

"""A legacy tree whose conversion issues every kind of statement."""

import functools
import uuid

import sqlalchemy

from heat.db import models
from heat.tests.functional.faults import process as fault_process
from heat.tests.functional.faults import table as fault_table
from heat.tests.functional.harness import inprocess
from heat.tests.functional.harness import stored_rows

#: Three levels, four stacks. No name or value in it is random.
TEMPLATE = {
    'heat_template_version': '2018-08-31',
    'resources': {
        'first': {'type': 'OS::Heat::TestResource'},
        'group': {
            'type': 'OS::Heat::ResourceGroup', 'depends_on': 'first',
            'properties': {'count': 2, 'resource_def': {
                'type': 'OS::Heat::ResourceGroup',
                'properties': {'count': 1, 'resource_def': {
                    'type': 'OS::Heat::TestResource'}}}}}}}

# Columns that differ between all conversions of a tree.
_NEW_EACH_TIME = {'stack': {'current_traversal', 'deleted_at'},
                  'event': {'id', 'uuid', 'created_at', 'updated_at'}}


#: The same without nested stacks.
ALONE = dict(TEMPLATE, resources={
    'first': {'type': 'OS::Heat::TestResource'},
    'second': {'type': 'OS::Heat::TestResource', 'depends_on': 'first'}})


def add_leftovers(database, stack_id, backup):
    """Add what interrupted operations may leave and a conversion cleans up.

    A previous template with files, a resource row that stands for nothing, and
    perhaps an empty backup stack.
    """
    with database.engine.begin() as connection:
        def insert(model, **values):
            return connection.execute(sqlalchemy.insert(model).values(
                **values)).inserted_primary_key[0]

        files_id = insert(models.RawTemplateFiles, files={'a': 'b'})
        previous = insert(models.RawTemplate, template=TEMPLATE,
                          environment={}, files_id=files_id)
        connection.execute(sqlalchemy.update(models.Stack).where(
            models.Stack.id == stack_id).values(
                prev_raw_template_id=previous))
        if backup:
            insert(models.Stack, id=str(uuid.uuid4()), name='backup',
                   owner_id=stack_id, backup=True, disable_rollback=True,
                   raw_template_id=insert(
                       models.RawTemplate, template=TEMPLATE, environment={}),
                   action='CREATE', status='COMPLETE', convergence=False)
        insert(models.ResourceData, key='key', value='value',
               resource_id=insert(models.Resource, name='nothing',
                                  stack_id=stack_id, action='INIT',
                                  status='COMPLETE'))


class FaultTestCase(inprocess.EngineTestCase):
    """Tests that convert one tree again and again.

    :ivar identity: of the root stack
    :ivar legacy: the rows of the database before any conversion
    :ivar runner: the processes that convert it
    """

    #: The template of the tree, and its number of stacks.
    template, stacks = TEMPLATE, 4

    def setUp(self):
        super().setUp()
        self.identity = self.create(self.template)
        add_leftovers(self.database, self.identity['stack_id'],
                      backup=self.stacks > 1)
        self.rows = stored_rows.Rows(self.database)
        self.addCleanup(self.rows.close)
        self.legacy = self.rows.read()
        self.addCleanup(self._forget)

    @functools.cached_property
    def runner(self):
        return self.useFixture(
            fault_process.Runner(self.database, self.identity))

    def _forget(self):
        self.rows.write({name: [] for name in self.legacy})

    def convert_once(self, what):
        """Convert the tree without a fault, and restore it.

        :param what: fault_table.COMMAND or UPDATE
        :returns: how that ended; ``self.converted`` are the rows afterwards.
        """
        ended = self.runner.run(what)
        self.assertEqual(0, ended.exitcode, ended.output)
        self.converted = self.rows.read()
        self.assertConverted(self.converted)
        self.restore()
        return ended

    def assertConverted(self, rows):
        """Check that the conversion is complete and has left nothing."""
        ours = [row for row in rows['stack'] if not row['deleted_at']]
        self.assertEqual(self.stacks, len(ours))
        self.assertTrue(all(row['convergence'] for row in ours))
        self.assertEqual([], rows['stack_lock'] + rows['sync_point'])
        # All that add_leftovers has added, except the template of the backup
        # stack.
        for table, gone in (('raw_template', 1), ('raw_template_files', 1),
                            ('resource', 1), ('resource_data', 1)):
            self.assertEqual(len(self.legacy[table]) - gone,
                             len(rows[table]), table)

    def state(self, rows):
        """Which of the three states of fault_table the tree has."""
        if comparable(rows) == comparable(self.converted):
            return fault_table.CONVERTED
        # Events may have the reason.
        if dict(rows, event=None) == dict(self.legacy, event=None):
            return fault_table.LEGACY
        return fault_table.LOST

    def restore(self, now=None):
        """Make the tree legacy as before; see ``stored_rows.Rows.write``."""
        self.rows.write(self.legacy, now)

    def check_table(self, by, states):
        """Compare with the table in the documents, or update it.

        :param by: the converting process, in the words of fault_table
        :param states: {fault: [what :meth:`state` has returned]}
        """
        if by == fault_table.BATCH or self.stacks == 1:
            # The table shows only the tree, and a command in both of its ways.
            self.assertNotIn(fault_table.LOST, sum(states.values(), []))
            return
        fault_table.check(self, [
            fault_table.row(fault, by, self.backend, found)
            for fault, found in states.items()])


class AloneTestCase(FaultTestCase):
    """The same for a stack alone, which is locked before it is planned."""

    template, stacks = ALONE, 1


def comparable(rows):
    """The rows without the columns that always differ; see Rows.read."""
    return {name: [{key: value for key, value in row.items()
                    if key not in _NEW_EACH_TIME.get(name, ())}
                   for row in table]
            for name, table in rows.items()}
