# SPDX-License-Identifier: Apache-2.0

"""A TCP proxy that makes a database far away.

It runs in a process of its own, so that it takes no time from the measured
one. Each time the client speaks after it has heard the server (one round
trip, however many packets the request has) the proxy counts and waits.
"""

import contextlib
import multiprocessing
import socket
import threading
import time

_BUFFER = 1 << 16


class _Connection(object):
    def __init__(self, client, server, delay, trips):
        self._client = client
        self._server = server
        self._delay = delay
        self._trips = trips
        self._answered = True

    def start(self):
        for copy in (self._requests, self._answers):
            threading.Thread(target=copy, daemon=True).start()

    def _requests(self):
        for data in _received(self._client):
            if self._answered:
                self._answered = False
                with self._trips.get_lock():
                    self._trips.value += 1
                time.sleep(self._delay)
            self._server.sendall(data)
        _hang_up(self._server)

    def _answers(self):
        for data in _received(self._server):
            self._answered = True
            self._client.sendall(data)
        _hang_up(self._client)


def _received(connection):
    with contextlib.suppress(OSError):
        while data := connection.recv(_BUFFER):
            yield data


def _hang_up(connection):
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def _without_delay(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _serve(listener, address, delay, trips):
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(address)
        _Connection(_without_delay(client), _without_delay(server),
                    delay, trips).start()


class Proxy(object):
    """Forwards a free port of 127.0.0.1 to a server.

    :param address: (host, port) of the server
    :param delay: seconds that each round trip takes longer
    :ivar port: the port to connect to
    :ivar trips: shared counter of the round trips so far
    """

    def __init__(self, address, delay):
        context = multiprocessing.get_context('spawn')
        self.trips = context.Value('q', 0)
        with socket.create_server(('127.0.0.1', 0)) as listener:
            self.port = listener.getsockname()[1]
            self._process = context.Process(
                target=_serve, args=(listener, address, delay, self.trips),
                daemon=True)
            self._process.start()

    def stop(self):
        self._process.terminate()
        self._process.join()
