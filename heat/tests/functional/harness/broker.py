# SPDX-License-Identifier: Apache-2.0

"""A message broker of its own for each deployment.

The names of Heat's queues are constants (``heat.rpc.api.ENGINE_TOPIC``), so
two deployments at once need a virtual host each.
"""

import os
import shutil
import subprocess
import tempfile
import uuid

import fasteners
import fixtures
import kombu

SERVER = 'rabbit://guest:guest@127.0.0.1:5672/'

_CONNECT_TIMEOUT = 5  # seconds


def server_url():
    """Tell which RabbitMQ to use: HEAT_TEST_RABBIT_URL or the local one."""
    return os.environ.get('HEAT_TEST_RABBIT_URL', SERVER)


def reachable():
    """Tell whether the broker accepts connections."""
    url = server_url().replace('rabbit://', 'amqp://', 1)
    try:
        with kombu.Connection(url, connect_timeout=_CONNECT_TIMEOUT) as amqp:
            amqp.connect()
            return True
    except (OSError, kombu.exceptions.OperationalError):
        return False


def _rabbitmqctl(*arguments):
    return subprocess.run(('rabbitmqctl', '--quiet') + arguments, check=True,
                          capture_output=True, text=True, timeout=60)


class Broker(fixtures.Fixture):
    """A virtual host, deleted at the end.

    Where none can be made (the broker is given by HEAT_TEST_RABBIT_URL or
    ``rabbitmqctl`` does not work for this user), the deployments of all the
    test processes use the one there is, one after the other.

    :ivar url: what goes into ``transport_url``.
    """

    def _setUp(self):
        if 'HEAT_TEST_RABBIT_URL' in os.environ or not self._add_vhost():
            self.url = server_url()
            self._wait_for_turn()

    def _add_vhost(self):
        if shutil.which('rabbitmqctl') is None:
            return False
        name = 'heat_test_%s' % uuid.uuid4().hex
        try:
            _rabbitmqctl('add_vhost', name)
        except subprocess.CalledProcessError:
            return False
        self.addCleanup(_rabbitmqctl, 'delete_vhost', name)
        _rabbitmqctl('set_permissions', '-p', name, 'guest',
                     '.*', '.*', '.*')
        self.url = SERVER + name
        return True

    def _wait_for_turn(self):
        lock = fasteners.InterProcessLock(os.path.join(
            tempfile.gettempdir(), 'heat-test-broker.lock'))
        lock.acquire()
        self.addCleanup(lock.release)
