# SPDX-License-Identifier: Apache-2.0

"""The next run removes what a killed test has left on a server."""

import subprocess

import fixtures
import testtools

from heat.tests.functional.harness import broker
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import owner


class _LeftoversTestCase(testtools.TestCase):
    """Tests in which this process has the id of an ended one."""

    def setUp(self):
        super().setUp()
        with subprocess.Popen(['true']) as ended:
            pass
        self.useFixture(fixtures.MonkeyPatch(
            'heat.tests.functional.harness.owner._process',
            lambda: ended.pid))


class _Databases:
    """Tests for each server; a subclass adds the server."""

    def test_database_of_a_killed_test_is_dropped(self):
        if not databases.reachable(self.backend):
            self.skipTest('%s is not reachable' % self.backend)
        name = owner.new_name()
        databases.create(self.backend, name)
        self.addCleanup(databases.drop, self.backend, name)
        self.assertIn(name, databases.drop_leftovers(self.backend))
        self.assertNotIn(name, databases.names(self.backend))


class MySQLTest(_Databases, _LeftoversTestCase):
    backend = databases.MYSQL


class PostgreSQLTest(_Databases, _LeftoversTestCase):
    backend = databases.POSTGRESQL


class BrokerTest(_LeftoversTestCase):

    def test_virtual_host_of_a_killed_test_is_deleted(self):
        if not broker.reachable():
            self.skipTest('RabbitMQ is not reachable')
        name = broker.add_vhost()
        if name is None:
            self.skipTest('No virtual host can be made')
        self.addCleanup(broker.delete_vhost, name)
        self.assertIn(name, broker.delete_leftovers())
        self.assertNotIn(name, broker.vhosts())
