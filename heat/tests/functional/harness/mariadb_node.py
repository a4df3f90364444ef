# SPDX-License-Identifier: Apache-2.0

"""A MariaDB with settings of its own, beside the one of the machine."""

import getpass
import os
import shutil
import subprocess

import fixtures
import sqlalchemy
from sqlalchemy import exc

from heat.tests.functional.commands import command
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import processes

_PATH = os.pathsep.join(('/usr/sbin', os.environ.get('PATH', os.defpath)))


def missing():
    """What is not installed, in one line, or None."""
    for name in ('mariadbd', 'mariadb-install-db'):
        if shutil.which(name, path=_PATH) is None:
            return '%s is not installed: its faults left out' % name
    return None


class Node(fixtures.Fixture):
    """A running MariaDB on 127.0.0.1.

    :param settings: of the server, without the dashes before them
    :ivar url: of the server, with no database
    """

    def __init__(self, *settings):
        super().__init__()
        self._settings = settings

    def _setUp(self):
        folder = self.useFixture(fixtures.TempDir()).path
        common = ['--no-defaults', '--user=' + getpass.getuser(),
                  '--datadir=' + os.path.join(folder, 'data')]
        subprocess.run(
            [shutil.which('mariadb-install-db', path=_PATH), *common,
             '--auth-root-authentication-method=normal', '--skip-test-db'],
            check=True, capture_output=True)
        port = command.free_port()
        self.url = sqlalchemy.engine.URL.create(
            'mysql+pymysql', 'root', host='127.0.0.1', port=port)
        self.useFixture(processes.Process('mariadbd', [
            shutil.which('mariadbd', path=_PATH), *common,
            '--bind-address=127.0.0.1', '--port=%d' % port,
            '--socket=' + os.path.join(folder, 'socket'),
            '--pid-file=' + os.path.join(folder, 'pid'),
            '--innodb-flush-log-at-trx-commit=0',
            *('--' + setting for setting in self._settings)],
            dict(os.environ), folder)).wait_until(self._answers, 'connection')

    def _answers(self):
        try:
            self.execute('SELECT 1')
            return True
        except exc.DBAPIError:
            return False

    def execute(self, statement):
        """Run a statement as the administrator of the server."""
        engine = sqlalchemy.create_engine(
            self.url, isolation_level='AUTOCOMMIT',
            poolclass=sqlalchemy.pool.NullPool)
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(statement))


class Database(databases.Database):
    """A database of such a server; it is removed with the server.

    :param node: the :class:`Node`
    """

    def __init__(self, node):
        super().__init__(databases.MYSQL)
        self._node = node

    def _create(self):
        self._node.execute('CREATE DATABASE heat')
        return self._node.url.set(database='heat')
