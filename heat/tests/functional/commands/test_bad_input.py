# SPDX-License-Identifier: Apache-2.0

"""An error that stops a command is one line."""

import os
import uuid

import fixtures
import sqlalchemy

from heat.db import models
from heat.tests.functional.commands import command
from heat.tests.functional.harness import databases
from heat.tests.migrate import command_case

_OLDEST = 'c6214ca60943'  # heat.db.migration.ALEMBIC_INIT_VERSION


class StacksTest(command.CommandTestCase):

    def test_reasons_are_one_line_each_and_nothing_is_changed(self):
        nested = self.create(command.NESTED)['stack_id']
        child = self.tree(nested).stacks[1]['id']
        unknown = self.create(command.SMALL)['stack_id']
        self.set_template(unknown, {
            'a': {'type': 'OS::Gone::Type'},
            'b': command.SMALL['resources']['b']})
        no_credentials, = self.create_many(1)
        self.break_credentials(no_credentials)
        deleted, = self.create_many(1)
        self.set_columns(models.Stack, models.Stack.id == deleted,
                         deleted_at=sqlalchemy.func.current_timestamp())
        nobody = str(uuid.uuid4())
        expected = {
            child: ('nested', nested), unknown: (
                'unknown_resource_type', 'OS::Gone::Type'),
            deleted: ('not_found', deleted), nobody: ('not_found', nobody)}

        found = self.report('migrate-convergence-1', *expected, status=2)

        for stack_id, (code, text) in expected.items():
            outcome = found[stack_id]
            self.assertEqual(('refused', code),
                             (outcome['outcome'], outcome['code']))
            self.assertIn(text, outcome['message'])
            self.assertNotIn('\n', outcome['message'])
        self.assertNotIn(True, self.convergence())
        # Nobody asks for them.
        self.report('migrate-convergence-1', no_credentials)

    def set_template(self, stack_id, resources):
        template_id = self.row({'stack_id': stack_id})['raw_template_id']
        self.set_columns(
            models.RawTemplate, models.RawTemplate.id == template_id,
            template=dict(command.SMALL, resources=resources))

    def test_schema_of_an_older_or_a_newer_heat(self):
        # In this process. The log belongs to the tests.
        self.useFixture(fixtures.MonkeyPatch(
            'heat.cmd.migrate.log.log_elsewhere_than_stdout', lambda: None))
        for revision, text in ((_OLDEST, 'run heat-manage db_sync first'),
                               ('0123456789ab', 'is newer than')):
            if self.set_revision(revision) == revision:
                # Heat 22 has only this one.
                continue
            for words in (['migrate-convergence-1', '--all'],
                          ['revert-convergence-1', '--all'],
                          ['convergence-status']):
                status, out, err = command_case.run(*words)
                self.assertEqual((2, ''), (status, out))
                # The rest are warnings of the test process.
                line, = [line for line in err.splitlines()
                         if line.startswith('ERROR: ')]
                self.assertIn(text, line)

    def set_revision(self, revision):
        """Set another revision of the schema; returns the one before."""
        with self.database.engine.begin() as connection:
            table = sqlalchemy.Table('alembic_version', sqlalchemy.MetaData(),
                                     autoload_with=connection)
            before = connection.scalar(sqlalchemy.select(
                table.c.version_num))
            connection.execute(table.update().values(version_num=revision))
        self.addCleanup(self._set_back, table, before)
        return before

    def _set_back(self, table, revision):
        with self.database.engine.begin() as connection:
            connection.execute(table.update().values(version_num=revision))


class UpgradeCheckTest(command.CommandTestCase):

    def test_warns_until_all_stacks_are_converted(self):
        # The other one is written as JSON, which Heat's own check fails.
        self.commands = self.useFixture(command.Commands(
            self.database.url, oslo_policy={'policy_file': 'none.yaml'}))
        self.create(command.NESTED)
        for expected in (1, 0):
            done = self.commands.run('upgrade', 'check',
                                     command='heat-status')
            self.assertEqual(expected, done.returncode,
                             done.stdout + done.stderr)
            self.assertIn('Check: Legacy stacks', done.stdout)
            self.assertIn('Check: Overlay', done.stdout)
            self.manage('migrate-convergence-1', '--all')


class DatabaseTest(command.CommandTestCase):

    def use(self, url):
        self.commands = self.useFixture(command.Commands(url))

    def test_server_that_is_down(self):
        for backend in (databases.MYSQL, databases.POSTGRESQL):
            url = databases.server_url(backend).set(
                host='127.0.0.1', port=command.free_port(), password='secret',
                database='heat')
            self.use(url.render_as_string(hide_password=False))
            for name in ('migrate-convergence-1', 'revert-convergence-1'):
                line = self.refusal(name, '--all')
                self.assertIn('cannot be used', line)
                self.assertIn('refused', line)
                self.assertNotIn('secret', line)

    def test_database_without_a_schema(self):
        self.use('sqlite:///%s' % os.path.join(self.commands.folder, 'new'))
        self.assertIn('has no schema', self.refusal('convergence-status'))
