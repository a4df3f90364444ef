# SPDX-License-Identifier: Apache-2.0

"""The stored credentials of a stack, with which a command loads it."""

import types

from keystoneauth1 import exceptions as ks_exceptions
from oslo_db import exception as db_exception
import sqlalchemy

from heat.common import context as heat_context
from heat.common import exception
from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import text as migrate_text
from heat.db import api as db_api
from heat.engine.migrate import plan as migrate_plan
from heat.engine import stack as parser

# Raised when Keystone no longer knows a trust or a user.
_UNAUTHORIZED = (exception.AuthorizationFailure, ks_exceptions.Unauthorized)

_DATABASE_ERRORS = (db_exception.DBError, sqlalchemy.exc.SQLAlchemyError)


def refuse(row, error):
    """Raise Credentials if bad credentials are the cause of an error.

    Heat wraps some errors in others.
    """
    while error is not None:
        if isinstance(error, migrate_exception.Credentials):
            raise error
        if isinstance(error, _UNAUTHORIZED):
            raise migrate_exception.Credentials(
                stack=migrate_plan.label(row),
                error=migrate_text.of_error(error)) from error
        error = error.__cause__ or error.__context__


def stored_context(context, row):
    """The context to load a stack with when there is no request of its user.

    It is Heat's own, but made once for the whole tree, and without a Stack
    object, for which Heat would parse the template. If the credentials cannot
    be read, the context can do everything except ask a service.
    """
    owner = types.SimpleNamespace(context=context,
                                  user_creds_id=row.user_creds_id,
                                  root_stack_id=lambda: None)
    # Heat itself does not try this read again when the database fails.
    make = db_api.retry_on_db_error(parser.Stack.stored_context)
    try:
        return make(owner)
    except _DATABASE_ERRORS:
        # The credentials are not the cause.
        raise
    except Exception as exc:
        return _WithoutCredentials(row, exc)
    finally:
        # It became the context of log lines, although Heat passes
        # overwrite=False. Each line would then ask Keystone for the user,
        # even if the trust is gone.
        context.update_store()


class _WithoutCredentials(heat_context.StoredContext):
    """The context of a stack whose stored credentials cannot be read.

    :param row: the heat.db.migrate.tree.StackRow of the root stack
    :param error: what reading them has ended with
    """

    def __init__(self, row, error):
        super().__init__(username=row.username, project_id=row.tenant,
                         is_admin=False, overwrite=False)
        self._row = row
        self._error = error

    @property
    def auth_plugin(self):
        """What each client of a service begins with."""
        error = 'they are gone or damaged'
        if not migrate_text.is_pythons(self._error):
            error = migrate_text.of_error(self._error)
        raise migrate_exception.Credentials(
            stack=migrate_plan.label(self._row), error=error)
