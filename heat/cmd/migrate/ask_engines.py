# SPDX-License-Identifier: Apache-2.0

"""Ask running engines whether they have the protection.

A separate process asks. This one forks workers, so it must have no threads or
connections of oslo.messaging (see heat.cmd.migrate.workers).
"""

from concurrent import futures
import contextlib
import multiprocessing
import os
import signal
import time

import oslo_messaging

from heat.cmd.migrate import broker
from heat.cmd.migrate import errors
from heat.common import context as heat_context
from heat.common import messaging
from heat.common.migrate import broker as migrate_broker
from heat.rpc import api as rpc_api
from heat.rpc import listener_client

#: Seconds in which all engines have to answer.
TIMEOUT = 5

PROTECTED = 'has the protection'
OFF = 'migrate_protection is false'
STOCK = 'it runs without this overlay, or with an older one'
SILENT = 'it does not answer'


def ask(engine_ids):
    """Ask engines whether they have the protection, all at the same time.

    :returns: {engine id: PROTECTED, OFF or STOCK}, without those that do not
        answer within TIMEOUT seconds; and the reason why none can be asked, or
        None
    """
    end = time.monotonic() + TIMEOUT
    fork = multiprocessing.get_context('fork')
    ours, theirs = fork.Pipe(duplex=False)
    process = fork.Process(
        target=_ask_all, args=(theirs, engine_ids, messaging.TRANSPORT),
        name='heat-manage-ask', daemon=True)
    process.start()
    theirs.close()
    answers = {}
    try:
        with contextlib.suppress(EOFError):
            while ours.poll(max(0, end - time.monotonic())):
                engine_id, answer = ours.recv()
                if answer != SILENT:
                    answers[engine_id] = answer
    finally:
        # It may still wait for an answer.
        process.kill()
        process.join()
        ours.close()
    return answers, answers.pop(None, None)


def _ask_all(pipe, engine_ids, _inherited):
    """Send an answer for each engine as it comes; ends the process.

    :param _inherited: the parent's transport. Two processes must not share a
        connection. The reference keeps it open: closing it here would close it
        for the parent too.
    """
    # Only the parent reacts to signals.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        messaging.TRANSPORT = None
        error = _connect()
        if error:
            pipe.send((None, error))
            return
        with futures.ThreadPoolExecutor(len(engine_ids)) as pool:
            asked = {pool.submit(_ask, engine_id): engine_id
                     for engine_id in engine_ids}
            for future in futures.as_completed(asked):
                pipe.send((asked[future], future.result()))
    except RuntimeError as exc:
        # It may start no more threads.
        pipe.send((None, errors.one_line(exc)))
    finally:
        # Skip the exit handlers of the parent.
        os._exit(0)


def _connect():
    """Set up RPC; returns why that cannot be, or None."""
    try:
        messaging.setup()
        # oslo.messaging waits without end for a broker that is down.
        return migrate_broker.error()
    except broker.UNUSABLE_TRANSPORT as exc:
        return errors.one_line(exc)


def _ask(engine_id):
    client = messaging.get_rpc_client(
        topic=rpc_api.LISTENER_TOPIC, server=engine_id,
        version=listener_client.EngineListenerClient.BASE_RPC_API_VERSION)
    try:
        has_it = client.prepare(timeout=TIMEOUT).call(
            heat_context.get_admin_context(), 'has_migrate_protection')
    except oslo_messaging.RemoteError:
        return STOCK
    except oslo_messaging.MessagingException:
        return SILENT
    return PROTECTED if has_it else OFF
