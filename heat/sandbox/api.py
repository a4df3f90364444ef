# SPDX-License-Identifier: Apache-2.0

"""The HTTP server of a sandbox: Heat's API on the standard library's WSGI."""

import ipaddress
import socket
import socketserver
from wsgiref import simple_server

from oslo_log import log as logging
from oslo_utils import netutils

LOG = logging.getLogger(__name__)


class CannotListen(Exception):
    """The API cannot listen on the address; the text says why."""


def is_loopback(host):
    """Whether every address of a host name or address is loopback.

    :raises OSError: when the name has no address.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return all(ipaddress.ip_address(address[0].partition('%')[0]).is_loopback
               for _family, _type, _proto, _name, address in found)


class _Handler(simple_server.WSGIRequestHandler):
    def log_message(self, format, *args):
        LOG.debug(format, *args)

    def address_string(self):
        return self.client_address[0]


class Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    """Serves a WSGI application, with one thread for each request."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host, port):
        """Bind and listen.

        :param port: 0 takes a free port.
        :raises CannotListen: when the address cannot be bound.
        """
        self.host = host
        try:
            info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            self.address_family = info[0]
            super().__init__(info[4][:2], _Handler)
        except OSError as error:
            raise CannotListen('cannot listen on %s port %d: %s' % (
                host, port, error.strerror)) from error

    def server_bind(self):
        # The inherited method resolves the full name of the host. That can
        # take seconds, and the name is not needed.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]
        self.setup_environ()

    def url(self, path):
        return 'http://%s:%d%s' % (netutils.escape_ipv6(self.host),
                                   self.server_port, path)
