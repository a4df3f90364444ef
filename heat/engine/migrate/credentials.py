# SPDX-License-Identifier: Apache-2.0

"""Load a stack with its stored credentials, for a command."""

import types

from keystoneauth1 import exceptions as ks_exceptions

from heat.common import context as heat_context
from heat.common import exception
from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import text as migrate_text
from heat.db import api as db_api
from heat.engine.migrate import plan as migrate_plan
from heat.engine import stack as parser

# Raised when Keystone no longer knows a trust or a user.
_UNAUTHORIZED = (exception.AuthorizationFailure, ks_exceptions.Unauthorized)


def refuse(row, error):
    """Raise Credentials if bad credentials are the cause of an error.

    The cause may be wrapped in other errors.
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

    It acts for the owner of the stack, as Heat's own context does. It reads
    the credentials only when a plug-in calls a service, which few do. Without
    them the context can do everything else.

    :param context: of who runs the command
    :param row: the heat.db.migrate.rows.StackRow of the root stack
    """
    made = _WithoutCredentials(context, row)
    # Its constructor makes it the context of log lines, even with
    # overwrite=False. Each line would then read the credentials.
    context.update_store()
    return made


#: The attributes that the stored credentials consist of.
_CREDENTIALS = ('user_id', 'password', 'aws_creds', 'auth_token_info',
                'auth_url', 'region_name', 'trust_id', 'trustor_user_id')


class _WithoutCredentials(heat_context.StoredContext):
    """The context of a stack whose stored credentials are not read yet."""

    def __init__(self, context, row):
        super().__init__(username=row.username, project_id=row.tenant,
                         request_id=context.request_id, is_admin=False,
                         overwrite=False)
        self._by = context
        self._row = row
        self._error = None
        for name in _CREDENTIALS:
            # Without these attributes Python calls __getattr__.
            self.__dict__.pop(name, None)

    def __getattr__(self, name):
        if name not in _CREDENTIALS:
            raise AttributeError(name)
        self._read()
        return self.__dict__[name]

    def _read(self):
        """Read the credentials, at most once.

        :raises Credentials: when they cannot be read
        """
        if self._error is None:
            try:
                self.__dict__.update(_read(self._by, self._row))
                return
            except migrate_exception.DATABASE_ERRORS:
                # The credentials are not the cause.
                raise
            except Exception as exc:
                self._error = exc
        error = 'they are gone or damaged'
        if not migrate_text.is_pythons(self._error):
            error = migrate_text.of_error(self._error)
        raise migrate_exception.Credentials(
            stack=migrate_plan.label(self._row), error=error)


def _read(context, row):
    """Read the credentials of a stack as Heat does.

    It calls Heat's own function without a Stack object: to make one, Heat
    would parse the template.

    :returns: {attribute of a context: value}
    """
    owner = types.SimpleNamespace(context=context,
                                  user_creds_id=row.user_creds_id,
                                  root_stack_id=lambda: None)
    # Heat does not retry this read after a database error.
    make = db_api.retry_on_db_error(parser.Stack.stored_context)
    try:
        stored = make(owner)
    finally:
        # As above, Heat's constructor makes it the context of log lines.
        context.update_store()
    return {name: getattr(stored, name) for name in (
        'username', 'project_id', 'project_name', *_CREDENTIALS)}
