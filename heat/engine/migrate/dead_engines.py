# SPDX-License-Identifier: Apache-2.0

"""Find the dead engines among those that hold stack locks.

Heat's own StackLock takes over the lock of an engine that does not answer. But
an engine that is being stopped does not answer either, because it closes its
listener first. And no engine answers over a broker that is down. So an engine
counts as dead only if its service row is gone or stale, the engine does not
answer, and the broker does.
"""

from oslo_config import cfg
from oslo_log import log as logging
import oslo_messaging

from heat.common import messaging
from heat.common.migrate import broker as migrate_broker
from heat.common import service_utils
from heat.db import api as db_api
from heat.objects import service as service_object

LOG = logging.getLogger(__name__)


def of(context, engine_ids):
    """Call some engines, and return the ids of those that are dead.

    :param engine_ids: ids of engines; a command has one too, and no service
    :returns: a set of ids, without engines whose state is unknown
    """
    if not engine_ids:
        return set()
    up = {service['engine_id'] for service in in_service(context)}
    suspects = sorted(set(engine_ids) - up)
    if not suspects or not _can_ask():
        return set()
    return {engine_id for engine_id in suspects
            if not _answers(context, engine_id)}


def in_service(context):
    """The services of the engines that have reported lately; asks none."""
    # Heat itself does not try this read again when the database fails.
    get_all = db_api.retry_on_db_error(service_object.Service.get_all)
    return [service for service in map(
        service_utils.format_service, get_all(context))
        if service['status'] == 'up']


def _can_ask():
    """Whether the broker answers; sets messaging up if necessary.

    It sets up no notifier: whether a command sends notifications is decided
    elsewhere.
    """
    try:
        if messaging.TRANSPORT is None:
            notifier = messaging.NOTIFIER
            messaging.setup()
            messaging.NOTIFIER = notifier
        # With another transport a dead engine cannot be distinguished from a
        # broker that is down.
        if not migrate_broker.is_rabbit():
            return False
        why_not = migrate_broker.error()
    except (oslo_messaging.MessagingException, cfg.Error) as exc:
        why_not = exc
    if why_not:
        LOG.warning('No engine can be asked whether it is alive: %s', why_not)
        return False
    return True


def _answers(context, engine_id):
    try:
        return service_utils.engine_alive(context, engine_id)
    except Exception:
        LOG.exception('Cannot tell whether engine %s is alive', engine_id)
        return True
