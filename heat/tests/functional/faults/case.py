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

# The columns with the id of a raw template.
_TEMPLATE_IDS = {'raw_template': ['id'], 'resource': ['current_template_id'],
                 'stack': ['raw_template_id', 'prev_raw_template_id']}

# Columns that differ between all conversions of a tree.
_NEW_EACH_TIME = {'stack': {'current_traversal', 'deleted_at'},
                  'event': {'id', 'uuid', 'created_at', 'updated_at'}}


#: The same without nested stacks.
ALONE = dict(TEMPLATE, resources={
    'first': {'type': 'OS::Heat::TestResource'},
    'second': {'type': 'OS::Heat::TestResource', 'depends_on': 'first'}})


def replacing(value, fail=False):
    """A template whose update replaces a resource, and then may fail."""
    def resource(**properties):
        return {'type': 'OS::Heat::TestResource',
                'properties': dict(properties, value=value)}

    return dict(TEMPLATE, resources={
        'first': resource(update_replace=True),
        'second': dict(resource(fail=fail), depends_on='first'),
        'group': {'type': 'OS::Heat::ResourceGroup', 'depends_on': 'second',
                  'properties': {'count': 1, 'resource_def': resource()}}})


def fail_to_replace(test):
    """Let an update of the stack of a test replace a resource, and fail."""
    test.heat.update_stack(test.ctx, test.identity, replacing('2', fail=True),
                           {}, {}, {'disable_rollback': True})
    test.wait_for(test.identity, 'FAILED')


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

    #: Whether it is converted although it is not COMPLETE.
    failed = False

    def setUp(self):
        super().setUp()
        self.identity = self.create(self.template)
        self.prepare()
        self.rows = stored_rows.Rows(self.database)
        self.addCleanup(self.rows.close)
        self.legacy = self.rows.read()
        self.addCleanup(self._forget)

    @functools.cached_property
    def runner(self):
        return self.useFixture(
            fault_process.Runner(self.database, self.identity, self.failed))

    def prepare(self):
        """Bring the new tree into the state that is converted."""
        add_leftovers(self.database, self.identity['stack_id'],
                      backup=self.stacks > 1)

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
        self.assertCleanedUp(rows)

    def assertCleanedUp(self, rows):
        # All that add_leftovers has added, except the template of the backup
        # stack.
        for table, gone in (('raw_template', 1), ('raw_template_files', 1),
                            ('resource', 1), ('resource_data', 1)):
            self.assertEqual(len(self.legacy[table]) - gone,
                             len(rows[table]), table)

    def state(self, rows):
        """Which of the three states of fault_table the tree has."""
        if self.comparable(rows) == self.comparable(self.converted):
            return fault_table.CONVERTED
        # Events may have the reason.
        if dict(rows, event=None) == dict(self.legacy, event=None):
            return fault_table.LEGACY
        return fault_table.LOST

    def comparable(self, rows):
        """The rows without the columns that always differ; see Rows.read."""
        return {name: [{key: value for key, value in row.items()
                        if key not in _NEW_EACH_TIME.get(name, ())}
                       for row in table]
                for name, table in rows.items()}

    def restore(self, now=None):
        """Make the tree legacy as before; see ``stored_rows.Rows.write``."""
        self.rows.write(self.legacy, now)

    def check_table(self, by, states):
        """Compare with the table in the documents, or update it.

        :param by: the converting process, in the words of fault_table
        :param states: {fault: [what :meth:`state` has returned]}
        """
        if by == fault_table.BATCH or self.template is not TEMPLATE:
            # The table shows only the tree, and a command in both of its ways.
            self.assertNotIn(fault_table.LOST, sum(states.values(), []))
            return
        fault_table.check(self, [
            fault_table.row(fault, by, self.backend, found)
            for fault, found in states.items()])


class AloneTestCase(FaultTestCase):
    """The same for a stack alone, which is locked before it is planned."""

    template, stacks = ALONE, 1


class FailedTestCase(FaultTestCase):
    """The same for a tree whose update failed after it replaced something."""

    template, stacks, failed = replacing('1'), 2, True

    def prepare(self):
        fail_to_replace(self)

    def assertCleanedUp(self, rows):
        stack_id = self.identity['stack_id']
        self.assertEqual(
            ['first', 'first', 'group', 'second'],
            sorted(row['name'] for row in rows['resource']
                   if row['stack_id'] == stack_id))

    def comparable(self, rows):
        # The copied template of the backup stack has another id each time.
        known = {None, *(row['id'] for row in self.legacy['raw_template'])}
        rows = super().comparable(rows)
        for table, columns in _TEMPLATE_IDS.items():
            for row in rows[table]:
                row.update((column, 'new') for column in columns
                           if row[column] not in known)
        return rows
