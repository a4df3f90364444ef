# SPDX-License-Identifier: Apache-2.0

"""Do all running engines have the protection? They are asked.

A process of its own asks: the threads and connections of oslo.messaging must
not be in this one, which forks workers (see heat.cmd.migrate.workers).
"""

import collections
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
from heat.common.migrate import options as migrate_options
from heat.engine.migrate import dead_engines as migrate_dead_engines
from heat.rpc import api as rpc_api
from heat.rpc import listener_client

#: Seconds in which all engines have to answer.
TIMEOUT = 5

PROTECTED = 'has the protection'
OFF = 'migrate_protection is false'
STOCK = 'it runs without this overlay, or with an older one'
SILENT = 'it does not answer'

_UNPROTECTED = (
    'Engines are running without the protection (%s). Such an engine does '
    'not notice that a stack is converted or reverted while it begins an '
    'operation on it.')
_WHAT_TO_DO = (
    ' Enable the overlay on these hosts, set migrate_protection = true there, '
    'and restart the engines. Or give --unprotected to go on.')
_CANNOT_ASK = (
    'Engines are running (%s), and here migrate_protection is false. An '
    'engine without it does not notice that a stack is converted or reverted '
    'while it begins an operation on it: set it to true for all engines, or '
    'stop them.')


class Unprotected(errors.CommandError):
    """An engine is running without the protection."""


def check(context, go_on, warn):
    """See that each engine that is listed as up has the protection.

    Over another transport than RabbitMQ, which is one for tests, no other
    process can ask: the heat.conf of this command has to do.

    :param go_on: whether to warn only
    :param warn: called with a line that the operator should read
    :raises Unprotected: names the hosts and says what to do
    """
    listed = migrate_dead_engines.in_service(context)
    if not listed:
        return
    if not _can_ask():
        if not migrate_options.protects():
            warn(_CANNOT_ASK % ', '.join(sorted(
                {service['host'] for service in listed})))
        return
    answers, why_none = ask([service['engine_id'] for service in listed])
    if why_none:
        warn('No engine can be asked for its protection: %s' % why_none)
    reasons = collections.defaultdict(set)
    for service in listed:
        answer = answers.get(service['engine_id'], SILENT)
        if answer != PROTECTED:
            reasons[service['host']].add(answer)
    if not reasons:
        return
    text = _UNPROTECTED % '; '.join(
        '%s: %s' % (host, ', '.join(sorted(found)))
        for host, found in sorted(reasons.items()))
    if not go_on:
        raise Unprotected(text + _WHAT_TO_DO)
    warn(text)


def _can_ask():
    try:
        return migrate_broker.is_rabbit()
    except oslo_messaging.InvalidTransportURL:
        # Who asks says what is wrong with it.
        return True


def ask(engine_ids):
    """Ask engines whether they have the protection, all at the same time.

    :returns: {engine id: PROTECTED, OFF or STOCK}, without those that do not
        answer within TIMEOUT seconds; and why none can be asked, or None
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
                answers[engine_id] = answer
    finally:
        # Whatever it waits for.
        process.kill()
        process.join()
        ours.close()
    return answers, answers.pop(None, None)


def _ask_all(pipe, engine_ids, _inherited):
    """Send an answer for each engine as it comes; ends the process.

    :param _inherited: the parent's transport. Two processes must not use a
        connection, and one that nobody refers to any more is shut down, for
        the parent as well.
    """
    # What a signal means is the business of the parent.
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
    finally:
        # Nothing of what the parent would do at its end is done here.
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
