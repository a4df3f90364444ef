# SPDX-License-Identifier: Apache-2.0

"""Check that the database answers and has the schema of this Heat."""

import contextlib

from alembic import script
from alembic.util import exc as alembic_exc
from oslo_config import cfg
from oslo_db import exception as db_exception
import sqlalchemy
from sqlalchemy import exc as sqlalchemy_exc

from heat.cmd.migrate import errors
from heat.common.i18n import _
from heat.db import migration as db_migration
from heat import version

CONF = cfg.CONF


def do_not_wait():
    """Say at once when the database is down.

    A service waits for its database when it starts.
    """
    CONF.set_default('max_retries', 0, group='database')


def check_database():
    """Check that the database answers and has the schema of this Heat.

    :raises CommandError: with what is wrong
    """
    do_not_wait()
    with database_errors():
        found = db_migration.db_version()
    scripts = script.ScriptDirectory.from_config(
        db_migration._find_alembic_conf())
    if found == scripts.get_current_head():
        return
    raise errors.CommandError(_schema_problem(scripts, found))


def _schema_problem(scripts, found):
    if found is None:
        return ('The database %s has no schema of Heat\'s: check [database] '
                'connection, or create it with heat-manage db_sync.'
                % shown())
    facts = (shown(), found, version.version_info.release_string(),
             scripts.get_current_head())
    try:
        scripts.get_revision(found)
    except alembic_exc.CommandError:
        return ('The schema of the database %s (%s) is newer than that of '
                'this Heat %s (%s): use the heat-manage of the Heat that '
                'runs on it.' % facts)
    return ('The schema of the database %s (%s) is older than that of this '
            'Heat %s (%s): run heat-manage db_sync first.' % facts)


@contextlib.contextmanager
def database_errors():
    """Turn errors of the database into a CommandError."""
    try:
        yield
    except (db_exception.DBError, db_exception.CantStartEngineError,
            sqlalchemy_exc.SQLAlchemyError) as exc:
        raise errors.CommandError(_('The database %s cannot be used: %s') % (
            shown(), errors.one_line(exc))) from exc


def shown():
    """The connection string without its password, to be shown."""
    try:
        # SQLAlchemy 1.4 takes None for a URL.
        return sqlalchemy.engine.make_url(
            CONF.database.connection or '').render_as_string(
                hide_password=True)
    except sqlalchemy_exc.ArgumentError:
        return '([database] connection is not set)'
