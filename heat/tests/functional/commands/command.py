# SPDX-License-Identifier: Apache-2.0

"""Run heat-manage as an operator does, on a database with stacks."""

import collections
import json
import socket
import subprocess

import fixtures
from oslo_config import cfg

from heat.db import models
from heat.tests.functional.harness import configuration
from heat.tests.functional.harness import forked
from heat.tests.functional.harness import inprocess
from heat.tests.functional.harness import many_stacks
from heat.tests.functional.harness import processes
from heat.tests.functional.harness import trees

_TIMEOUT = 300  # seconds

#: A stack without nested stacks that needs no cloud.
SMALL = {
    'heat_template_version': '2018-08-31',
    'resources': {
        'a': {'type': 'OS::Heat::TestResource',
              'properties': {'value': 'one'}},
        'b': {'type': 'OS::Heat::TestResource', 'depends_on': 'a',
              'properties': {'value': 'two'}}}}

#: One with two stacks nested in it, one below the other.
NESTED = {
    'heat_template_version': '2018-08-31',
    'parameters': {'count': {'type': 'number', 'default': 2}},
    'resources': {'group': {
        'type': 'OS::Heat::ResourceGroup',
        'properties': {'count': {'get_param': 'count'}, 'resource_def': {
            'type': 'OS::Heat::ResourceGroup',
            'properties': {'count': 1, 'resource_def': {
                'type': 'OS::Heat::RandomString'}}}}}}}


class Command(processes.Process):
    """A heat-manage that runs beside the test."""

    def wait(self, seconds=_TIMEOUT):
        """Wait for its end.

        :returns: the exit status
        """
        return self._popen.wait(seconds)

    def outcomes(self):
        """The outcomes that it has printed so far, by stack id."""
        return outcomes(self.log())


class Commands(fixtures.Fixture):
    """heat-manage with a heat.conf of its own.

    :param connection: of the database
    :param conf: further options; a dict stands for a group
    """

    def __init__(self, connection, **conf):
        super().__init__()
        self._conf = configuration.merged({
            'auth_encryption_key': cfg.CONF.auth_encryption_key,
            # As the engine of the test: another process cannot call it.
            'transport_url': 'fake://',
            'database': {'connection': connection}}, conf)
        self._started = 0

    def _setUp(self):
        self.folder = self.useFixture(fixtures.TempDir()).path
        self.config_file = configuration.create(self.folder, self._conf)

    def _words(self, command, arguments):
        return [processes.command(command), '--config-file',
                self.config_file, *arguments]

    def run(self, *arguments, command='heat-manage', stdout=subprocess.PIPE,
            timeout=_TIMEOUT):
        """Run it to its end.

        :param command: or heat-status
        :param stdout: where its output goes
        :param timeout: seconds
        :returns: a subprocess.CompletedProcess with text output.
        """
        words = self._words(command, arguments)
        if command == 'heat-manage':
            return forked.heat_manage(words[1:], self.folder, timeout,
                                      stdout)
        return subprocess.run(
            words, env=processes.environment(),
            cwd=self.folder, stdout=stdout, stderr=subprocess.PIPE, text=True,
            stdin=subprocess.DEVNULL, timeout=timeout)

    def start(self, *arguments):
        """Start it; its output and errors are in the log."""
        self._started += 1
        return self.useFixture(Command(
            'heat-manage-%d' % self._started,
            self._words('heat-manage', arguments), processes.environment(),
            self.folder))


def free_port():
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return listener.getsockname()[1]


def outcomes(text):
    """The outcomes by stack id, from lines that may hold other output."""
    found = (json.loads(line) for line in text.splitlines()
             if line.startswith('{'))
    return {outcome['id']: outcome for outcome in found}


class CommandTestCase(inprocess.EngineTestCase):
    """heat-manage on the database that an engine in this process uses.

    Each test deletes its stacks at its end, so ``--all`` means the stacks of
    the test.
    """

    def setUp(self):
        super().setUp()
        self.addCleanup(self._forget_stacks)
        self.commands = self.useFixture(Commands(self.database.url))

    def _forget_stacks(self):
        with self.database.engine.begin() as connection:
            for model in (models.StackLock, models.Event, models.Resource,
                          models.Stack):
                connection.execute(model.__table__.delete())

    def manage(self, *arguments, status=0):
        """Run heat-manage and see that it ends with a status.

        :returns: a subprocess.CompletedProcess.
        """
        done = self.commands.run(*arguments)
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        self.assertNotIn('Traceback', done.stdout + done.stderr)
        return done

    def report(self, *arguments, status=0):
        """Run heat-manage for its JSON lines; returns {id: outcome}."""
        done = self.manage(*arguments, '--format', 'json', status=status)
        found = outcomes(done.stdout)
        self.assertEqual(len(done.stdout.splitlines()), len(found))
        return found

    def refusal(self, *arguments):
        """Run heat-manage that cannot begin; returns its only line."""
        done = self.manage(*arguments, status=2)
        self.assertEqual('', done.stdout)
        line, = done.stderr.splitlines()
        return line

    def create_many(self, count, template=SMALL):
        """Create a stack and copies of it; returns the ids of the copies."""
        stack_id = self.create(template)['stack_id']
        ids = many_stacks.copy(self.database.engine, stack_id, count)
        with self.database.engine.begin() as connection:
            for model, column in ((models.Event, models.Event.stack_id),
                                  (models.Resource, models.Resource.stack_id),
                                  (models.Stack, models.Stack.id)):
                connection.execute(model.__table__.delete().where(
                    column == stack_id))
        return ids

    def set_columns(self, model, condition, **values):
        """Change rows, as another process than the command would."""
        with self.database.engine.begin() as connection:
            connection.execute(model.__table__.update().where(
                condition).values(**values))

    def break_credentials(self, stack_id):
        """Leave the stack with credentials that cannot be decrypted."""
        creds_id = self.row({'stack_id': stack_id})['user_creds_id']
        self.set_columns(models.UserCreds, models.UserCreds.id == creds_id,
                         password='not what was encrypted',
                         decrypt_method='cryptography_decrypt_v1')

    def rename_resources(self, stack_id):
        """Leave the stack without a resource that its template names."""
        self.set_columns(models.Resource, models.Resource.stack_id == stack_id,
                         name='other')

    def tree(self, stack_id):
        return trees.read(self.database, stack_id)

    def convergence(self):
        """How many stacks there are, by their column ``convergence``."""
        return collections.Counter(
            bool(row['convergence'])
            for row in self.database.rows(models.Stack, deleted_at=None))

    def conversions(self):
        """How many conversions each stack has an event of."""
        return collections.Counter(
            row['stack_id'] for row in self.database.rows(
                models.Event, resource_action='MIGRATE',
                resource_status='COMPLETE'))
