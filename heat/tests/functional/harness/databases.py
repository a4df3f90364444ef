# SPDX-License-Identifier: Apache-2.0

"""Databases of the servers that Heat runs on, one for each deployment."""

import contextlib
import functools
import os

import fixtures
import sqlalchemy
from sqlalchemy import exc

from heat.db import migration
from heat.db import models
from heat.tests.functional.harness import owner

SQLITE, MYSQL, POSTGRESQL = BACKENDS = ('sqlite', 'mysql', 'postgresql')

#: The server that each backend uses, unless HEAT_TEST_<BACKEND>_URL names
#: another one. SQLite has no server: its database is a file.
SERVERS = {
    MYSQL: 'mysql+pymysql://root@127.0.0.1:3306',
    POSTGRESQL: 'postgresql+psycopg2://postgres@127.0.0.1:5432/postgres',
}

_CONNECT_TIMEOUT = 5  # seconds
_SQLITE_LOCK_TIMEOUT = 60  # seconds that a writer waits for another one


def server_url(backend):
    """The URL of the server of ``backend``.

    :returns: a ``sqlalchemy.engine.URL``.
    """
    variable = 'HEAT_TEST_%s_URL' % backend.upper()
    return sqlalchemy.engine.make_url(
        os.environ.get(variable, SERVERS[backend]))


def _server(backend):
    return sqlalchemy.create_engine(
        server_url(backend), isolation_level='AUTOCOMMIT',
        poolclass=sqlalchemy.pool.NullPool,
        connect_args={'connect_timeout': _CONNECT_TIMEOUT})


def reachable(backend):
    """Whether databases of ``backend`` can be created here."""
    if backend == SQLITE:
        return True
    try:
        with _server(backend).connect():
            return True
    except (exc.DBAPIError, exc.NoSuchModuleError, ImportError):
        return False


def _on_server(backend, statement):
    with _server(backend).connect() as connection:
        result = connection.execute(sqlalchemy.text(statement))
        return list(result) if result.returns_rows else []


def create(backend, name):
    """Create an empty database."""
    _on_server(backend, 'CREATE DATABASE %s' % name)


def drop(backend, name):
    """Drop a database if it exists, also while it is used."""
    force = ' WITH (FORCE)' if backend == POSTGRESQL else ''
    _on_server(backend, 'DROP DATABASE IF EXISTS %s%s' % (name, force))


_NAMES = {MYSQL: 'SHOW DATABASES',
          POSTGRESQL: 'SELECT datname FROM pg_database'}


def names(backend):
    """List the databases of a server."""
    return [row[0] for row in _on_server(backend, _NAMES[backend])]


def drop_leftovers(backend):
    """Drop the databases of test processes of this machine that are gone.

    :returns: their names.
    """
    if backend == SQLITE:
        return []
    left = [name for name in names(backend) if owner.is_left_over(name)]
    for name in left:
        drop(backend, name)
    return left


class Database(fixtures.Fixture):
    """A database with Heat's schema, dropped at the end.

    :param backend: one of ``BACKENDS``.
    :param schema: false if another Heat creates it.
    :ivar url: the value of ``[database] connection``.
    :ivar engine: a SQLAlchemy engine, to read the rows that Heat wrote.
    """

    def __init__(self, backend, schema=True):
        super().__init__()
        self.backend = backend
        self._schema = schema

    def _setUp(self):
        url = self._create()
        self.url = url.render_as_string(hide_password=False)
        self.engine = sqlalchemy.create_engine(
            url, poolclass=sqlalchemy.pool.NullPool)
        if self._schema:
            migration.db_sync(engine=self.engine)

    def _create(self):
        if self.backend == SQLITE:
            folder = self.useFixture(fixtures.TempDir()).path
            return sqlalchemy.engine.URL.create(
                'sqlite', database=os.path.join(folder, 'heat.sqlite'),
                query={'timeout': str(_SQLITE_LOCK_TIMEOUT)})
        name = owner.new_name()
        create(self.backend, name)
        self.addCleanup(drop, self.backend, name)
        return server_url(self.backend).set(database=name)

    def rows(self, model, **equal):
        """Read rows as they are committed now.

        :param model: a class of ``heat.db.models``.
        :param equal: the values that columns must have.
        :returns: a list of dicts, in the order of the primary keys, with the
            names of the model's attributes.
        """
        # An attribute need not have the name of its column.
        columns = {attribute.key: attribute.expression for attribute in
                   sqlalchemy.inspect(model).column_attrs}
        query = sqlalchemy.select(
            *[column.label(key) for key, column in columns.items()]).where(
                *[columns[key] == value for key, value in equal.items()])
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(
                query.order_by(*sqlalchemy.inspect(model).primary_key)
            ).mappings()]


def never_reuse_ids(engine, *of_models):
    """Make SQLite count the ids of empty tables as servers do.

    A deleted row may leave rows that name its id, because SQLite does not
    check foreign keys here. They must not belong to the next row.
    """
    for table in _counting(of_models):
        table.drop(engine)
        table.create(engine)


@functools.lru_cache(maxsize=None)
def _counting(of_models):
    metadata = sqlalchemy.MetaData()
    for table in models.BASE.metadata.sorted_tables:
        table.to_metadata(metadata)
    tables = [metadata.tables[model.__tablename__] for model in of_models]
    for table in tables:
        table.dialect_options['sqlite']['autoincrement'] = True
    return tables


class ForeignKeys(fixtures.Fixture):
    """Make SQLite check foreign keys, as servers do.

    Without it Heat can delete a template that a resource still has.
    """

    def __init__(self, engine):
        super().__init__()
        self._engine = engine

    def _setUp(self):
        self._set('ON')
        # The tests of a process share one connection.
        self.addCleanup(self._set, 'OFF')

    @contextlib.contextmanager
    def off(self):
        """Do not check them for now."""
        self._set('OFF')
        yield
        self._set('ON')

    def _set(self, value):
        connection = self._engine.raw_connection()
        connection.driver_connection.execute('PRAGMA foreign_keys = ' + value)
        connection.close()


def set_up_for_class(cls):
    """Give a test class a database, ``cls.database``, for all its tests.

    It is None if the server of ``cls.backend`` cannot be reached.
    heat.tests.functional.harness.case requires the services.
    """
    cls.database = None
    if reachable(cls.backend):
        cls.database = Database(cls.backend)
        cls.database.setUp()
        cls.addClassCleanup(cls.database.cleanUp)
