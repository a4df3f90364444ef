# SPDX-License-Identifier: Apache-2.0

"""Hand stacks to the running engines over RPC."""

from concurrent import futures
import queue
import time

from oslo_log import log as logging
import oslo_messaging

from heat.cmd.migrate import errors
from heat.cmd.migrate import outcome as outcomes
from heat.cmd.migrate import workers
from heat.common import context as heat_context
from heat.common import exception
from heat.common import messaging
from heat.common.migrate import exception as migrate_exception
from heat.common import service_utils
from heat.db.migrate import state as migrate_state
from heat.db.migrate import tree as migrate_tree
from heat.engine.migrate import dead_engines as migrate_dead_engines
from heat.engine.migrate import rpc_errors as migrate_rpc_errors
from heat.rpc import api as rpc_api
from heat.rpc import client as rpc_client

LOG = logging.getLogger(__name__)

# The version of Heat's RPC API that brought migrate_convergence_1.
_VERSION = '1.34'

NO_ENGINE, NO_ANSWER = 'no_engine', 'no_answer'

#: What an engine without the overlay answers: since Heat 22 its method uses
#: a database session outside a transaction.
_STOCK = 'NoEngineContextEstablished'

_NO_ENGINE = ('No engine can convert stack %s: those on %s run without the '
              'convergence overlay or did not answer. Enable it there '
              '(heat-overlay enable), or leave --via-engines out.')
_NO_ANSWER = ('The engines on %s did not answer in time about stack %s: see '
              'their logs, and run the command again.')

_NO_BROKER = ('Stack %s was handed to no engine: the message broker did not '
              'take the request (%s). Run the command again.')

_UNEXPECTED = ('Stack %s was left unchanged: an unexpected %s occurred in an '
               'engine. See its log.')


class _StockEngine(Exception):
    """The engine that was called runs without the overlay."""


def hosts_up(context):
    """The hosts of the engines that answer, once for each engine process.

    :raises CommandError: when there is none
    """
    up = migrate_dead_engines.in_service(context)
    # A killed engine is still listed as up for some minutes.
    with futures.ThreadPoolExecutor() as pool:
        alive = list(pool.map(_is_alive, up))
    hosts = [service['host'] for service, answers in zip(up, alive)
             if answers]
    if not hosts:
        raise errors.CommandError(
            'No engine is up (see heat-manage service list): start one, or '
            'leave --via-engines out.')
    return hosts


def _is_alive(service):
    # A context must not be shared by threads.
    return service_utils.engine_alive(heat_context.get_admin_context(),
                                      service['engine_id'])


class Engines:
    """Handles several stacks at a time, each on an engine.

    It has the methods of heat.cmd.migrate.workers.Processes.

    :param hosts: the host of each engine process that is up
    :param size: stacks at a time (default: as many as engine processes)
    :param warn: called with a line that the operator should read
    """

    def __init__(self, hosts, size=None, warn=print):
        self.size = size or len(hosts)
        self._hosts = sorted(set(hosts))
        self._warn = warn
        # For each stack that may be in hand: the host of its engine.
        self._turns = queue.SimpleQueue()
        for index in range(self.size):
            self._turns.put(hosts[index % len(hosts)])
        self._useless = set()
        self._pool = futures.ThreadPoolExecutor(self.size)
        self._futures = set()

    #: An engine is asked about one stack at a time.
    batch = 1

    @property
    def in_hand(self):
        return len(self._futures)

    @property
    def idle(self):
        return self.size - self.in_hand

    def begin(self, stacks):
        for stack in stacks:
            self._futures.add(self._pool.submit(self._convert, stack))

    def finished(self, timeout):
        """Wait until a stack is done, for a number of seconds at most."""
        done, self._futures = futures.wait(
            self._futures, timeout, return_when=futures.FIRST_COMPLETED)
        return workers.Done([future.result() for future in done])

    def close(self):
        self._pool.shutdown()

    def _convert(self, stack):
        turn = self._turns.get()
        try:
            return self._convert_on(turn, stack)
        finally:
            self._turns.put(turn)

    def _convert_on(self, host, stack):
        begun = time.monotonic()
        silent = []
        # One other engine is called, because a conversion is safe to run
        # twice. A stack that hangs its engine must not hang all of them.
        while len(silent) < 2 and (host := self._stand_in(host)) is not None:
            try:
                return _ask(host, stack, begun)
            except _StockEngine:
                self._give_up(host, 'it runs without the convergence overlay')
            except oslo_messaging.MessagingTimeout:
                silent.append(host)
                self._give_up(host, 'it does not answer')
        if silent:
            code, text = NO_ANSWER, _NO_ANSWER % (
                ', '.join(silent), stack.id)
        else:
            code, text = NO_ENGINE, _NO_ENGINE % (
                stack.id, ', '.join(self._hosts))
        return outcomes.failure(stack, outcomes.FAILED, code, text,
                                time.monotonic() - begun)

    def _stand_in(self, host):
        """The host itself or, if it cannot be used, the next usable one."""
        place = self._hosts.index(host)
        return next((other for other in
                     self._hosts[place:] + self._hosts[:place]
                     if other not in self._useless), None)

    def _give_up(self, host, why):
        if host not in self._useless:
            self._useless.add(host)
            self._warn('No stack is handed to the engine on host %s any '
                       'more: %s.' % (host, why))


def _ask(host, stack, begun):
    """Have the engine on a host convert a stack.

    :raises _StockEngine: when it runs without the overlay
    :raises MessagingTimeout: when it does not answer
    """
    context = heat_context.get_admin_context()
    try:
        state = migrate_state.get(context, stack.id)
        already = state is not None and not state.owner_id and (
            not state.legacy)
        if not already:
            _call(context, host, stack.id)
    except (_StockEngine, oslo_messaging.MessagingTimeout):
        raise
    except Exception as exc:
        return _undone(stack, exc, time.monotonic() - begun)
    nested, resources = _sizes(context, stack.id)
    return outcomes.Outcome(
        stack.id, stack.name, stack.tenant,
        outcomes.ALREADY if already else outcomes.CONVERTED, None,
        None if already else 'by the engine on host %s' % host,
        nested, 0 if already else resources,
        round(time.monotonic() - begun, 3))


def _call(context, host, stack_id):
    client = messaging.get_rpc_client(
        topic=rpc_api.ENGINE_TOPIC, server=host,
        version=rpc_client.EngineClient.BASE_RPC_API_VERSION)
    try:
        client.prepare(version=_VERSION).call(
            context, 'migrate_convergence_1', stack_id=stack_id)
    except oslo_messaging.RemoteError as exc:
        if exc.exc_type == _STOCK:
            raise _StockEngine()
        raise


def _sizes(context, stack_id):
    """How many nested stacks and resources a stack has; None if unknown.

    The stack is converted, even if its rows cannot be counted afterwards.
    """
    try:
        tree = migrate_tree.get(context, stack_id)
    except Exception:
        LOG.debug('Cannot read the size of stack %s', stack_id, exc_info=True)
        tree = None
    return (None, None) if tree is None else tree.size


def _undone(stack, exc, seconds):
    outcome, code, text = _read(exc)
    if outcomes.is_gone(stack, exc) or (
            stack.name is not None and
            code == migrate_exception.StackNotFound.code):
        return outcomes.gone(stack, seconds)
    if isinstance(exc, oslo_messaging.MessageDeliveryFailure):
        text = _NO_BROKER % (stack.id, errors.one_line(exc))
    elif text is None:
        text = _UNEXPECTED % (stack.id, _type_of(exc))
    return outcomes.failure(stack, outcome, code, text, seconds)


def _read(exc):
    """The outcome, code and text for an exception of the RPC method's.

    The text is None if only a programmer should read it.
    """
    if isinstance(exc, migrate_exception.DATABASE_ERRORS):
        # The command's own database: an engine's error is a RemoteError.
        return outcomes.FAILED, outcomes.DATABASE, errors.one_line(exc)
    refused = migrate_rpc_errors.from_heats(exc)
    if refused:
        code, text = refused
        return outcomes.REFUSED, code, errors.one_line(text)
    return outcomes.FAILED, outcomes.ERROR, (
        errors.one_line(migrate_rpc_errors.text_of(exc))
        if isinstance(exc, exception.HeatException) else None)


def _type_of(exc):
    """The name of the type of the exception that the engine raised."""
    # oslo.messaging rebuilds exceptions with this suffix on the name.
    return getattr(exc, 'exc_type', None) or type(exc).__name__.replace(
        '_Remote', '')
