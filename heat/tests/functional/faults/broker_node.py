# SPDX-License-Identifier: Apache-2.0

"""A RabbitMQ that a test may stop and start, beside the one of the machine.

It shares nothing with that one: ports, files, the cookie of Erlang and even
the port mapper (epmd) are its own.
"""

import os
import shutil
import socket

from amqp import exceptions as amqp_exc
import fixtures
import kombu

from heat.tests.functional.commands import command
from heat.tests.functional.harness import processes

# The command of Debian in PATH is a wrapper. It drops the environment and
# always uses the files of the machine's broker.
_PATH = os.pathsep.join(('/usr/lib/rabbitmq/bin', '/usr/sbin',
                         os.environ.get('PATH', os.defpath)))

_CONNECT_TIMEOUT = 5  # seconds
_START = 180  # seconds; some on an idle machine


def missing():
    """What is not installed, in one line, or None."""
    for name in ('rabbitmq-server', 'epmd'):
        if shutil.which(name, path=_PATH) is None:
            return '%s is not installed: broker faults left out' % name
    return None


class Node(fixtures.Fixture):
    """A running RabbitMQ node on 127.0.0.1.

    :ivar url: the value of ``transport_url``
    """

    def _setUp(self):
        self._folder = self.useFixture(fixtures.TempDir()).path
        self._port, self._epmd_port, dist_port = (
            command.free_port() for _ in range(3))
        self.url = 'rabbit://guest:guest@127.0.0.1:%d/' % self._port
        path = os.path.join(self._folder, '%s').__mod__
        self._environment = dict(
            os.environ, HOME=self._folder, ERL_EPMD_ADDRESS='127.0.0.1',
            ERL_EPMD_PORT=str(self._epmd_port),
            RABBITMQ_NODENAME='heat_test@localhost',
            RABBITMQ_NODE_IP_ADDRESS='127.0.0.1',
            RABBITMQ_NODE_PORT=str(self._port),
            RABBITMQ_DIST_PORT=str(dist_port),
            RABBITMQ_MNESIA_BASE=path('mnesia'),
            RABBITMQ_LOG_BASE=path('log'), RABBITMQ_LOGS='-',
            # None of these is there: not the machine's settings.
            RABBITMQ_CONFIG_FILE=path('config'),
            RABBITMQ_CONF_ENV_FILE=path('environment'),
            RABBITMQ_ENABLED_PLUGINS_FILE=path('plugins'))
        # The node would start one that outlives it.
        self._run('epmd').wait_until(self._mapped, 'connection')
        self.start()

    def _run(self, name):
        return self.useFixture(processes.Process(
            name, [shutil.which(name, path=_PATH)], self._environment,
            self._folder))

    def _mapped(self):
        try:
            socket.create_connection(
                ('127.0.0.1', self._epmd_port), _CONNECT_TIMEOUT).close()
            return True
        except OSError:
            return False

    def start(self):
        """Start the node and wait until it takes connections."""
        self._server = self._run('rabbitmq-server')
        self._server.wait_until(self._answers, 'connection', _START)

    def _connection(self):
        return kombu.Connection(self.url.replace('rabbit:', 'amqp:', 1),
                                connect_timeout=_CONNECT_TIMEOUT)

    def _answers(self):
        try:
            with self._connection() as amqp:
                amqp.connect()
                return True
        except (OSError, kombu.exceptions.OperationalError):
            return False

    def consumers(self, queue):
        """How many consumers a queue has."""
        with self._connection() as amqp:
            try:
                return amqp.default_channel.queue_declare(
                    queue, passive=True).consumer_count
            except amqp_exc.NotFound:
                return 0

    def stop(self):
        """Stop the node as its service does; its queues lose all messages."""
        self._server.stop()

    def restart(self):
        """Stop the node and start it again."""
        self.stop()
        self.start()
