# SPDX-License-Identifier: Apache-2.0

"""Find the dead engines among those that hold stack locks.

Heat's own StackLock takes over the lock of an engine that does not answer. But
an engine that is being stopped does not answer either, because it closes its
listener first. If the broker is down, no engine answers. So an engine counts
as dead only if its service row is gone or stale, the engine does not answer,
and the broker does.
"""

import time

from oslo_config import cfg
from oslo_log import log as logging
import oslo_messaging

from heat.common import messaging
from heat.common.migrate import broker as migrate_broker
from heat.common import service_utils
from heat.db import api as db_api
from heat.objects import service as service_object

LOG = logging.getLogger(__name__)

# Heat waits engine_life_check_timeout for an answer, 2 seconds by default. A
# busy engine may take longer.
_CALLS = 3

#: Seconds for which an engine that was found dead is not called again. It may
#: have left a hundred locks, and the calls take some seconds.
REMEMBERED = 60

# {id: when it was found dead}. An engine that starts again has another id.
_found_dead = {}


def of(context, engine_ids):
    """Call some engines, and return the ids of those that are dead.

    :param engine_ids: ids of engines; commands have ids too, but no service
    :returns: a set of ids, without engines whose state is unknown
    """
    if not engine_ids:
        return set()
    up = {service['engine_id'] for service in in_service(context)}
    suspects = sorted(set(engine_ids) - up)
    if not suspects or not _can_ask():
        return set()
    return {engine_id for engine_id in suspects
            if _is_dead(context, engine_id)}


def in_service(context):
    """The services of the engines whose service rows are recent."""
    return list(filter(is_up, listed(context)))


def is_up(service):
    """Whether the row of a service, as from listed(), is recent."""
    return service['status'] == 'up'


def listed(context):
    """The services of all engines, as heat-manage service list has them."""
    # Heat does not retry this read after a database error.
    get_all = db_api.retry_on_db_error(service_object.Service.get_all)
    return [service_utils.format_service(row) for row in get_all(context)]


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


def _is_dead(context, engine_id):
    now = time.monotonic()
    if now - _found_dead.get(engine_id, -REMEMBERED) < REMEMBERED:
        return True
    if _answers(context, engine_id):
        return False
    _found_dead[engine_id] = now
    return True


def _answers(context, engine_id):
    try:
        return any(service_utils.engine_alive(context, engine_id)
                   for _call in range(_CALLS))
    except Exception:
        LOG.exception('Cannot tell whether engine %s is alive', engine_id)
        return True
