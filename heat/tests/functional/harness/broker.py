# SPDX-License-Identifier: Apache-2.0

"""A message broker of its own for each deployment.

The names of Heat's queues are constants (``heat.rpc.api.ENGINE_TOPIC``), so
two deployments at once need a virtual host each.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile

import fasteners
import fixtures
import kombu

from heat.tests.functional.harness import owner

SERVER = 'rabbit://guest:guest@127.0.0.1:5672/'

_CONNECT_TIMEOUT = 5  # seconds


def server_url():
    """The URL of RabbitMQ: HEAT_TEST_RABBIT_URL or the local one."""
    return os.environ.get('HEAT_TEST_RABBIT_URL', SERVER)


def reachable():
    """Whether the broker accepts connections."""
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


def vhosts():
    """List the virtual hosts; none if this user may not list them."""
    if shutil.which('rabbitmqctl') is None:
        return []
    try:
        return _rabbitmqctl('list_vhosts', 'name',
                            '--no-table-headers').stdout.split()
    except subprocess.CalledProcessError:
        return []


def delete_vhost(name):
    """Delete a virtual host, unless another run has deleted it."""
    with contextlib.suppress(subprocess.CalledProcessError):
        _rabbitmqctl('delete_vhost', name)


def delete_leftovers():
    """Delete the virtual hosts of test processes that are gone.

    :returns: their names.
    """
    left = [name for name in vhosts() if owner.is_left_over(name)]
    for name in left:
        delete_vhost(name)
    return left


def add_vhost():
    """Make a virtual host.

    :returns: its name, None if this user may not make any.
    """
    if shutil.which('rabbitmqctl') is None:
        return None
    name = owner.new_name()
    try:
        _rabbitmqctl('add_vhost', name)
    except subprocess.CalledProcessError:
        return None
    _rabbitmqctl('set_permissions', '-p', name, 'guest', '.*', '.*', '.*')
    return name


class Broker(fixtures.Fixture):
    """A virtual host, deleted at the end.

    None can be made if HEAT_TEST_RABBIT_URL is set, or if ``rabbitmqctl`` does
    not work for this user. Then the deployments of all test processes use the
    existing one, one after the other.

    :ivar url: the value of ``transport_url``.
    """

    def _setUp(self):
        name = None
        if 'HEAT_TEST_RABBIT_URL' not in os.environ:
            name = add_vhost()
        if name is None:
            self.url = server_url()
            self._wait_for_turn()
        else:
            self.addCleanup(delete_vhost, name)
            self.url = SERVER + name

    def _wait_for_turn(self):
        lock = fasteners.InterProcessLock(os.path.join(
            tempfile.gettempdir(), 'heat-test-broker.lock'))
        lock.acquire()
        self.addCleanup(lock.release)
