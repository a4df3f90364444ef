# SPDX-License-Identifier: Apache-2.0

"""The guide's copy of a database, made with the tools of the server."""

import os
import re
import shutil
import subprocess

import fixtures
from oslo_config import cfg
import sqlalchemy

from heat.db import models
from heat.tests.functional.commands import command
from heat.tests.functional.guides import guide
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import inprocess
from heat.tests.functional.harness import owner

_TEMPLATE = {'heat_template_version': '2018-08-31', 'resources': {
    'first': {'type': 'OS::Heat::TestResource'}}}

_CONF = '[client]\nhost = %s\nport = %s\nuser = %s\npassword = "%s"\n'


def lines(start):
    """The lines of root's shell in the guide with this beginning."""
    with open(os.path.join(guide.SOURCE, 'operator/migrate.rst')) as page:
        return re.findall('^   # (%s.*)$' % start, page.read(), re.MULTILINE)


class RehearsalTest(inprocess.EngineTestCase):

    backend = databases.MYSQL

    def setUp(self):
        super().setUp()
        missing = [name for name in ('mysql', 'mysqldump')
                   if shutil.which(name) is None]
        if missing:
            self.skipTest('There is no %s' % ', '.join(missing))
        self.folder = self.useFixture(fixtures.TempDir())
        url = databases.server_url(self.backend)
        # The user of the guide needs no password there.
        with open(self.folder.join('.my.cnf'), 'w') as conf:
            conf.write(_CONF % (url.host, url.port, url.username,
                                url.password or ''))
        self.copy = owner.new_name()
        self.addCleanup(databases.drop, self.backend, self.copy)

    def shell(self, line):
        line = re.sub(r'\bheat_rehearsal\b', self.copy, line)
        line = re.sub(r'\bheat(?= )', self.database.engine.url.database, line)
        done = subprocess.run(
            ['/bin/sh', '-c', line], cwd=self.folder.path, text=True,
            capture_output=True, env=dict(os.environ, HOME=self.folder.path))
        self.assertEqual((0, ''), (done.returncode, done.stdout),
                         done.stderr)

    def test_a_copy_is_converted_and_the_original_is_not(self):
        cfg.CONF.set_override('migrate_on_update', False)
        stack_id = self.create(_TEMPLATE)['stack_id']
        for line in lines('mysql'):
            self.shell(line)
        copied = self.database.engine.url.set(database=self.copy)
        commands = self.useFixture(command.Commands(
            copied.render_as_string(hide_password=False)))

        # It has no engine that must be called.
        with sqlalchemy.create_engine(copied).connect() as connection:
            self.assertEqual([], connection.execute(
                models.Service.__table__.select()).all())
        done = commands.run('migrate-convergence-1', '--all')

        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn('1 stack in ', done.stdout)
        row, = self.database.rows(models.Stack, id=stack_id)
        self.assertFalse(row['convergence'])
        done = commands.run('migrate-convergence-1', '--verify', stack_id)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
