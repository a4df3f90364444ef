# SPDX-License-Identifier: Apache-2.0

"""Check that the message broker answers; oslo.messaging waits for ever."""

import kombu
from oslo_config import cfg
import oslo_messaging

from heat.common.migrate import text as migrate_text

_TIMEOUT = 5  # seconds


def is_rabbit(url=None):
    """Whether this is a broker that :func:`error` can ask.

    :param url: of the transport; None for the one of heat.conf
    """
    parsed = oslo_messaging.TransportURL.parse(cfg.CONF, url)
    return parsed.transport.startswith(('rabbit', 'kombu'))


def error(url=None):
    """Say in one line why no RabbitMQ answers; None if one does.

    Transports other than RabbitMQ count as reachable.

    :param url: of the transport; None for the one of heat.conf
    """
    if not is_rabbit(url):
        return None
    parsed = oslo_messaging.TransportURL.parse(cfg.CONF, url)
    refused = []
    for host in parsed.hosts:
        ssl = cfg.CONF.oslo_messaging_rabbit.ssl or None
        try:
            with kombu.Connection(
                    hostname=host.hostname, port=host.port,
                    userid=host.username, password=host.password,
                    virtual_host=parsed.virtual_host or '/', ssl=ssl,
                    connect_timeout=_TIMEOUT) as amqp:
                amqp.connect()
            return None
        except Exception as exc:
            # Any error means that this host cannot be used.
            refused.append('%s:%s: %s' % (
                host.hostname, host.port, migrate_text.one_line(exc)))
    if not refused:
        return 'transport_url names no host'
    return 'the message broker does not answer (%s)' % '; '.join(refused)
