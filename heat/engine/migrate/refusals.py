# SPDX-License-Identifier: Apache-2.0

"""Report why a stack was not converted, and raise nothing."""

from oslo_log import log as logging

from heat.common.migrate import exception as migrate_exception
from heat.engine.migrate import events as migrate_events

LOG = logging.getLogger(__name__)


def before_update(context, row, error):
    """Log and record why the update of a stack does not convert it.

    :param error: the exception that ended the conversion
    :returns: the arguments for :func:`after_update` if the row of the stack
        was locked for too long to store an event; else None
    """
    try:
        if not isinstance(error, migrate_exception.MigrationRefused):
            LOG.exception('Converting stack %s failed', row.id,
                          exc_info=error)
            error = migrate_exception.Unexpected(stack=row.name,
                                                 error=type(error).__name__)
        migrate_events.refused(context, row, error)
    except migrate_exception.OutOfTime:
        return row, error
    except Exception:
        LOG.exception('Cannot record why stack %s was not converted',
                      row.id)


def after_update(context, row, reason):
    """Record what :func:`before_update` could not; it is logged already."""
    try:
        migrate_events.record(context, row, reason)
    except Exception:
        LOG.exception('Cannot record why stack %s was not converted',
                      row.id)


def for_operator(context, row, error):
    """Do as events.refused for a stack that an operator wanted converted.

    The same reason leaves an event only once. A transient reason leaves none,
    nor does an id that is no root stack. For an unexpected error the event has
    only its type, because the text of a database error quotes the statement.

    :param error: the exception that ended the conversion
    """
    if getattr(error, 'transient', False) or isinstance(
            error, (migrate_exception.StackNotFound,
                    migrate_exception.NestedStack,
                    migrate_exception.StillLegacy)):
        return
    if not isinstance(error, migrate_exception.MigrationRefused):
        error = migrate_exception.Unexpected(stack=row.id,
                                             error=type(error).__name__)
    try:
        migrate_events.refused(context, row, error, only_news=True)
    except Exception:
        LOG.exception('Cannot record why stack %s was left unchanged',
                      row.id)
