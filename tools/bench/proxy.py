# SPDX-License-Identifier: Apache-2.0

"""A TCP proxy that counts the commands to a database, and delays each.

It runs in a process of its own, so it takes no time from the measured one. A
command begins when the client sends after the server has sent.
"""

import asyncio
import contextlib
import multiprocessing

_BUFFER = 1 << 16


async def _copy(source, target, before):
    with contextlib.suppress(OSError):
        while data := await source.read(_BUFFER):
            await before()
            target.write(data)
            await target.drain()
    target.close()


async def _serve(started, address, delay, commands):
    async def forward(client, to_client):
        server, to_server = await asyncio.open_connection(*address)
        answered = True

        async def request():
            nonlocal answered
            if answered:
                answered = False
                commands.value += 1
                await asyncio.sleep(delay)

        async def answer():
            nonlocal answered
            answered = True

        await asyncio.gather(_copy(client, to_server, request),
                             _copy(server, to_client, answer))

    async with await asyncio.start_server(forward, '127.0.0.1') as server:
        started.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()


def _run(*arguments):
    asyncio.run(_serve(*arguments))


class Proxy:
    """Forwards a free port of 127.0.0.1 to a server.

    :param address: (host, port) of the server
    :param delay: seconds that each command takes longer
    :ivar port: the port to connect to
    :ivar commands: shared counter of the commands so far
    """

    def __init__(self, address, delay):
        context = multiprocessing.get_context('spawn')
        self.commands = context.Value('q', 0)
        port, started = context.Pipe(duplex=False)
        context.Process(
            target=_run, args=(started, address, delay, self.commands),
            daemon=True).start()
        self.port = port.recv()
