# SPDX-License-Identifier: Apache-2.0

"""Check that the message broker answers, and connect to it."""

import sys

from oslo_config import cfg
import oslo_messaging

from heat.cmd.migrate import errors
from heat.common.i18n import _
from heat.common import messaging
from heat.common.migrate import broker as migrate_broker

CONF = cfg.CONF

#: Raised for a transport_url that oslo.messaging cannot use.
UNUSABLE_TRANSPORT = (oslo_messaging.InvalidTransportURL,
                      oslo_messaging.DriverLoadFailure)


def can_notify():
    """Whether notifications are wanted and the broker accepts them.

    If the broker is down, oslo.messaging would retry each notification for
    ever. No connection stays open: the forked processes open their own.
    """
    try:
        # Registers the options.
        oslo_messaging.get_notification_transport(CONF).cleanup()
    except UNUSABLE_TRANSPORT as exc:
        return _cannot_notify(errors.one_line(exc))
    options = CONF.oslo_messaging_notifications
    if any(driver.startswith('messaging') for driver in options.driver):
        error = migrate_broker.error(
            options.transport_url or CONF.transport_url)
        if error:
            return _cannot_notify(error)
    return bool(options.driver)


def _cannot_notify(why):
    print('No notifications are sent: %s' % why, file=sys.stderr)
    return False


def connect_to_engines():
    """Set up RPC.

    :raises CommandError: when the broker cannot be reached
    """
    try:
        messaging.setup()
        error = migrate_broker.error(CONF.transport_url)
    except UNUSABLE_TRANSPORT as exc:
        error = errors.one_line(exc)
    if error:
        raise errors.CommandError(_('No engine can be called: %s') % error)
