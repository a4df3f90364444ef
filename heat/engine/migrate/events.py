# SPDX-License-Identifier: Apache-2.0

"""Report conversions: stack events, log lines and notifications."""

from oslo_log import log as logging

from heat.common import messaging
from heat.common.migrate import text as migrate_text
from heat.common import timeutils
from heat.db.migrate import events as migrate_db
from heat.engine.migrate import plan as migrate_plan
from heat.engine import notification
from heat.rpc import api as rpc_api

LOG = logging.getLogger(__name__)

# Not one of Heat's own actions. A client that waits for UPDATE_COMPLETE must
# not mistake the conversion for the end of the update.
ACTION = 'MIGRATE'

#: How the reasons of the events of a change begin.
CONVERTED, REVERTED, REPAIRED = (
    'Converted to convergence', 'Converted to legacy',
    'Repaired its convergence rows')

#: Who began a change; a part of its log line and of the reason of its event.
ON_UPDATE, BY_OPERATOR, ON_REQUEST = (
    'on update', 'by the operator', 'on request')

#: The event of a conversion to convergence: its action, its status, and the
#: begin of its reason. Only this event distinguishes a converted stack from a
#: native one.
CONVERSION = (ACTION, 'COMPLETE', CONVERTED)

# Characters that the columns resource_name and resource_status_reason of an
# event hold.
NAME_LENGTH = REASON_LENGTH = 255

#: How the reason of a stack that was not converted begins. A list of events
#: shows only this part, to a user who did not ask for a conversion.
UNCHANGED = 'Not converted: your stack works as before, nothing is lost. '


def event_values(plan, by):
    """Values of the event that a conversion leaves in its transaction."""
    return _event_values(
        plan.tree.root, 'COMPLETE',
        '. '.join(('%s %s: %s' % (_what(plan), by, plan.counts()),
                   *plan.for_users(), *plan.warnings)))


def migrated(context, plan, seconds, by):
    """Log and notify that the plan has been applied.

    Nothing is raised: the stack has changed, also if a step here fails.

    :param seconds: how long planning and applying took
    """
    try:
        _log(plan, seconds, by)
        _notify(context, 'end', _payload(plan.tree.root, 'COMPLETE', by))
    except Exception:
        LOG.exception('Cannot report that stack %s has changed', plan.label)


def _log(plan, seconds, by):
    LOG.info('Stack %(stack)s: %(what)s %(by)s in %(seconds).2f seconds: '
             '%(counts)s',
             {'stack': plan.label, 'what': _what(plan), 'by': by,
              'seconds': seconds, 'counts': plan.counts()})
    if plan.dropped:
        LOG.info('Deleted resource rows of stack %(stack)s that held '
                 'nothing: %(dropped)s',
                 {'stack': plan.label, 'dropped': ', '.join(plan.dropped)})
    for warning in plan.warnings:
        LOG.warning('%s', warning)


def _what(plan):
    if plan.repair:
        return REPAIRED
    if not plan.convergence:
        return REVERTED
    return CONVERTED + (' and repaired' if plan.fills else '')


def refused(context, row, reason, only_news=False):
    """Log, record as an event and notify why a stack stays legacy.

    Not to be called within an ``except``: oslo.log would add the exception
    to the line.

    :param row: anything with the id, name, tenant and times of the stack
    :param reason: the exception, a MigrationRefused
    :param only_news: if the last event of the stack has the same reason,
        only log: Heat keeps a limited number of events, and a command may run
        every hour
    """
    LOG.warning('%(reason)s [%(code)s]',
                {'reason': reason, 'code': code_of(reason)})
    record(context, row, reason, only_news)


def record(context, row, reason, only_news=False):
    """As :func:`refused`, but log nothing.

    :raises OutOfTime: when the row of the stack stays locked
    """
    values = _event_values(row, 'FAILED', '%s%s' % (
        UNCHANGED, _in_short(row, reason)))
    if migrate_db.add(context, values, only_news):
        _notify(context, 'error', _payload(row, 'FAILED', reason))


def _in_short(row, reason):
    """The reason without the name of the stack: the event has it already."""
    text = str(reason)
    for label in (migrate_plan.label(row), row.id):
        name = 'Stack %s ' % label
        if text.startswith(name):
            return 'It ' + text[len(name):]
    return text


def code_of(reason):
    """The reason code of an exception; 'error' for one that is not ours."""
    return getattr(reason, 'code', None) or 'error'


def _event_values(row, status, reason):
    return {'stack_id': row.id,
            'resource_name': migrate_text.printable(row.name)[:NAME_LENGTH],
            'physical_resource_id': row.id,
            'resource_type': 'OS::Heat::Stack', 'resource_action': ACTION,
            'resource_status': status,
            'resource_status_reason': str(reason)[:REASON_LENGTH]}


def _payload(row, status, reason):
    return {rpc_api.NOTIFY_TENANT_ID: row.tenant,
            rpc_api.NOTIFY_STACK_ID: row.id,
            rpc_api.NOTIFY_STACK_NAME: migrate_text.printable(row.name),
            rpc_api.NOTIFY_STATE: '%s_%s' % (ACTION, status),
            rpc_api.NOTIFY_STATE_REASON: str(reason),
            rpc_api.NOTIFY_CREATE_AT: timeutils.isotime(row.created_at)}


def _notify(context, suffix, payload):
    # A command that has not set messaging up sends no notification.
    if messaging.NOTIFIER is None:
        return
    level = (notification.ERROR if suffix == 'error'
             else notification.get_default_level())
    notification.notify(context, 'stack.migrate.%s' % suffix, level, payload)
