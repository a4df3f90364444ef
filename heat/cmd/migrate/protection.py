# SPDX-License-Identifier: Apache-2.0

"""Ask all running engines whether they have the protection.

A separate process asks. This one forks workers, so it must have no threads or
connections of oslo.messaging (see heat.cmd.migrate.workers).
"""

import collections
from concurrent import futures
import contextlib
import multiprocessing
import os
import signal
import time

import oslo_messaging
from oslo_utils import timeutils

from heat.cmd.migrate import broker
from heat.cmd.migrate import errors
from heat.common import context as heat_context
from heat.common import messaging
from heat.common.migrate import broker as migrate_broker
from heat.common.migrate import options as migrate_options
from heat.engine.migrate import dead_engines as migrate_dead_engines
from heat.rpc import api as rpc_api
from heat.rpc import listener_client

#: Seconds in which all engines have to answer, and how often a silent one is
#: asked. An engine with much work may be late.
TIMEOUT, TIMES = 5, 6

# Seconds after which an engine that is down is not asked any more. Heat keeps
# the row of an engine whose host is gone for good.
_FORGOTTEN = 24 * 60 * 60

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
    'and restart the engines. Or give --unprotected to continue.')
_WAITING = ('Waiting for an answer of the engines on %s, for %d seconds at '
            'most.')
_CANNOT_ASK = (
    'Engines are running (%s), and here migrate_protection is false. An '
    'engine without it does not notice that a stack is converted or reverted '
    'while it begins an operation on it: set it to true for all engines, or '
    'stop them.')


class Unprotected(errors.CommandError):
    """An engine is running without the protection."""


def check(context, go_on, warn, ended):
    """Check that each engine that is listed has the protection.

    An engine that is listed as down for less than a day may run: the clock of
    this host may be ahead, or the database was away. It counts only if it
    answers.

    Any transport but RabbitMQ is for tests, and no other process can use it.
    Then the heat.conf of this command decides.

    :param go_on: whether to warn only
    :param warn: called with a line that the operator should read
    :param ended: ids of engines that are not asked any more; those that are
        down and do not answer are added
    :raises Unprotected: names the hosts and says what to do
    """
    listed = list(filter(_may_run, migrate_dead_engines.listed(context)))
    up = {service['engine_id'] for service in listed
          if service['status'] == 'up'}
    ended.difference_update(up)
    hosts = {service['engine_id']: service['host'] for service in listed
             if service['engine_id'] not in ended}
    if not _can_ask():
        if up and not migrate_options.protects():
            warn(_CANNOT_ASK % ', '.join(sorted(
                {hosts[engine_id] for engine_id in up})))
        return
    if not hosts:
        return
    answers, why_none = _ask_again(hosts, up, warn)
    if why_none and up:
        warn('No engine can be asked for its protection: %s' % why_none)
    silent = set(hosts) - up - set(answers)
    if not why_none:
        ended.update(silent)
    reasons = _reasons(hosts, {
        engine_id: answers.get(engine_id, SILENT)
        for engine_id in set(hosts) - silent})
    if not reasons:
        return
    text = _UNPROTECTED % '; '.join(
        '%s: %s' % (host, ', '.join(sorted(found)))
        for host, found in sorted(reasons.items()))
    if not go_on:
        raise Unprotected(text + _WHAT_TO_DO)
    warn(text)


def _may_run(service):
    seen = service['updated_at'] or service['created_at']
    return service['status'] == 'up' or not timeutils.is_older_than(
        seen, _FORGOTTEN)


def _reasons(hosts, answers):
    """Map the hosts of unprotected engines to the answers of these."""
    reasons = collections.defaultdict(set)
    for engine_id, answer in answers.items():
        if answer != PROTECTED:
            reasons[hosts[engine_id]].add(answer)
    return reasons


def _can_ask():
    try:
        return migrate_broker.is_rabbit()
    except oslo_messaging.InvalidTransportURL:
        # The caller reports what is wrong.
        return True


def _ask_again(hosts, up, warn):
    """As :func:`ask`, but ask those that do not answer TIMES times.

    :param hosts: {engine id: host}
    :param up: ids of those that should answer; the others are asked once
    """
    answers, why_none = ask(list(hosts))
    for time_left in range((TIMES - 1) * TIMEOUT, 0, -TIMEOUT):
        silent = [engine_id for engine_id in hosts
                  if engine_id in up and engine_id not in answers]
        if why_none or not silent:
            break
        if time_left == (TIMES - 1) * TIMEOUT:
            warn(_WAITING % (', '.join(sorted(
                {hosts[engine_id] for engine_id in silent})), time_left))
        found, why_none = ask(silent)
        answers.update(found)
    return answers, why_none


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
