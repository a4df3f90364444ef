# SPDX-License-Identifier: Apache-2.0

"""A TCP proxy that counts the commands to a database, and delays each.

It runs in a process of its own, so it takes no time from the measured one. A
command begins when the client sends after the server has sent.
"""

import asyncio
import contextlib
import mmap
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
                commands[0] += 1
                await asyncio.sleep(delay)

        async def answer():
            nonlocal answered
            answered = True

        await asyncio.gather(_copy(client, to_server, request),
                             _copy(server, to_client, answer))

    async with await asyncio.start_server(forward, '127.0.0.1') as server:
        started.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()


def _run(started, address, delay, path):
    asyncio.run(_serve(started, address, delay, counter(path)))


def counter(path):
    """A list of one number, which processes share in a file of 8 bytes."""
    with open(path, 'r+b') as shared:
        return memoryview(mmap.mmap(shared.fileno(), 8)).cast('q')


def start(address, delay, path):
    """Forward a free port of 127.0.0.1 to a server.

    :param address: (host, port) of the server
    :param delay: seconds that each command takes longer
    :param path: a file of the counter, with the commands so far
    :returns: the port
    """
    context = multiprocessing.get_context('spawn')
    port, started = context.Pipe(duplex=False)
    context.Process(target=_run, args=(started, address, delay, path),
                    daemon=True).start()
    return port.recv()
