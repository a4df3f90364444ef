# SPDX-License-Identifier: Apache-2.0

"""Store the credentials of a stack when a request has lost a race."""

import sqlalchemy

from heat.db import api as db_api
from heat.db import models


@db_api.retry_on_db_error
@db_api.context_manager.writer
def store_legacy(context, stack_id, values):
    """Store the row of a legacy stack, or the credentials of a converted one.

    A converted stack has no credentials if the caller has renewed and deleted
    them. Otherwise its credentials are at least as new as those of the caller.

    :param values: all columns of the row, as the stack was loaded
    :returns: whether the row was there
    """
    row = context.session.execute(
        sqlalchemy.select(models.Stack.convergence,
                          models.Stack.user_creds_id)
        .where(models.Stack.id == stack_id).with_for_update()).first()
    if row and row.convergence:
        if row.user_creds_id is not None:
            return True
        values = {'user_creds_id': values['user_creds_id']}
    # Without the retry of Heat's: this function has its own.
    return db_api.stack_update.__wrapped__(context, stack_id, values)


@db_api.retry_on_db_error
@db_api.context_manager.writer
def replace_credentials(context, stack_id, old, new):
    """Give a stack new credentials, unless it has got others meanwhile.

    When the old credentials are deleted, the row has none (by the relationship
    in heat.db.models.UserCreds).

    :param old: id of the credentials that it had, or None
    :param new: id of the credentials that it gets
    :returns: whether it has the new ones
    """
    stack = models.Stack
    return context.session.execute(sqlalchemy.update(stack).where(
        stack.id == stack_id, stack.deleted_at.is_(None),
        stack.user_creds_id.is_(None) |
        stack.user_creds_id.in_((old, new))
    ).values(user_creds_id=new).execution_options(
        synchronize_session=False)).rowcount > 0
