# SPDX-License-Identifier: Apache-2.0

"""The message broker: does it answer, and what it is wanted for."""

import sys

import kombu
from oslo_config import cfg
import oslo_messaging

from heat.cmd.migrate import errors
from heat.common.i18n import _
from heat.common import messaging

CONF = cfg.CONF

_BROKER_TIMEOUT = 5  # seconds

_UNUSABLE_TRANSPORT = (oslo_messaging.InvalidTransportURL,
                       oslo_messaging.DriverLoadFailure)


def can_notify():
    """Whether notifications are wanted and the broker accepts them.

    With one that is down, sending each of them would be tried for ever.
    Nothing stays open: the processes that are forked next connect themselves.
    """
    try:
        # Registers the options.
        oslo_messaging.get_notification_transport(CONF).cleanup()
    except _UNUSABLE_TRANSPORT as exc:
        return _cannot_notify(errors.one_line(exc))
    options = CONF.oslo_messaging_notifications
    if any(driver.startswith('messaging') for driver in options.driver):
        error = _broker_error(options.transport_url or CONF.transport_url)
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
        error = _broker_error(CONF.transport_url)
    except _UNUSABLE_TRANSPORT as exc:
        error = errors.one_line(exc)
    if error:
        raise errors.CommandError(_('No engine can be called: %s') % error)


def _broker_error(url):
    """Say in a line why no RabbitMQ answers, None if one does.

    oslo.messaging itself waits for a broker without an end. Other transports
    than RabbitMQ's are taken for reachable.
    """
    parsed = oslo_messaging.TransportURL.parse(CONF, url)
    if not parsed.transport.startswith(('rabbit', 'kombu')):
        return None
    refused = []
    for host in parsed.hosts:
        ssl = CONF.oslo_messaging_rabbit.ssl or None
        try:
            with kombu.Connection(
                    hostname=host.hostname, port=host.port,
                    userid=host.username, password=host.password,
                    virtual_host=parsed.virtual_host or '/', ssl=ssl,
                    connect_timeout=_BROKER_TIMEOUT) as amqp:
                amqp.connect()
            return None
        except Exception as exc:
            # Whatever it is: that host is of no use.
            refused.append('%s:%s: %s' % (host.hostname, host.port,
                                          errors.one_line(exc)))
    return 'the message broker does not answer (%s)' % '; '.join(refused)
