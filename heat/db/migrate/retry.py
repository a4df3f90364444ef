# SPDX-License-Identifier: Apache-2.0

"""Try a transaction again after a fault that may pass.

This works as heat.db.api.retry_on_db_error, with one difference: a fault that
happens twice in the same way is not tried a third time. Examples are a
statement that always breaks the connection, and one that never gets its lock.
"""

import random
import time

from oslo_config import cfg
from oslo_db import exception as db_exception
from oslo_log import log as logging

from heat.common.migrate import exception as migrate_exception

LOG = logging.getLogger(__name__)

# Faults that the statement does not cause. Other transactions cause a
# deadlock. A node of Galera that has lost its cluster refuses each statement
# until it is back.
_LOCK_WAIT, _NODE_NOT_READY = '(1205,', '(1047,'

_PASSING = (db_exception.DBDeadlock, db_exception.DBConnectionError,
            db_exception.RetryRequest)


def call(function, deadline, label):
    """Call a function with one transaction, until it succeeds or must fail.

    :param function: called without arguments, it begins and ends the
        transaction
    :param deadline: a heat.common.migrate.deadline.Deadline
    :param label: the stack in words
    :raises OutOfTime: when the deadline passes; nothing is written then
    """
    options = cfg.CONF.database
    interval = options.db_retry_interval
    seen = set()
    # A negative number stands for none, as in oslo_db.api.wrap_db_retry.
    for left in range(max(options.db_max_retries, 0), -1, -1):
        deadline.check(label)
        try:
            return function()
        except migrate_exception.DATABASE_ERRORS as exc:
            # It may be any error, for example from a limit of the server.
            if deadline.passed:
                raise deadline.error(label) from exc
            manner = _manner(exc)
            if not (left and isinstance(exc, _PASSING)) or manner in seen:
                raise
            LOG.debug('Trying to write stack %s again: %s', label, exc)
            seen.update({manner} - {None})
        _sleep(interval * random.uniform(0.5, 1), deadline)
        if options.db_inc_retry_interval:
            interval = min(2 * interval, options.db_max_retry_interval)


def _manner(exc):
    """A key that is equal for equal faults; None if a fault never counts.

    If the server is down, there is no statement.
    """
    inner = getattr(exc, 'inner_exception', None)
    statement = getattr(inner, 'statement', None)
    text = str(getattr(inner, 'orig', None))
    if _NODE_NOT_READY in text or (
            isinstance(exc, db_exception.DBDeadlock) and
            _LOCK_WAIT not in text):
        return None
    return statement and (type(exc), statement)


def _sleep(seconds, deadline):
    left = deadline.left
    time.sleep(seconds if left is None else min(seconds, left))
