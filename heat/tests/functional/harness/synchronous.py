# SPDX-License-Identifier: Apache-2.0

"""An engine and a worker without threads: everything in a fixed order.

heat.tests.functional.harness.inprocess runs threads as a deployment does. Here
one loop handles one message after the other. Heat's own
heat.tests.convergence.framework does the same; this loop has all of Heat's
RPC: nested stacks, snapshots, signals. A test that plays the same operations
sees the same sequence of events, and a stack takes a small fraction of a
second.
"""

import functools
import os
import typing

import fixtures
from oslo_db.sqlalchemy import enginefacade
from oslo_db.sqlalchemy import engines
from oslo_log import log as logging
import oslo_messaging
import sqlalchemy

from heat.common import messaging
from heat.db import api as db_api
from heat.db import models
from heat.engine import service
from heat.engine import worker
from heat.rpc import api as rpc_api
from heat.rpc import worker_api
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import engine_case
from heat.tests import utils

LOG = logging.getLogger(__name__)

#: A context switch at the end of each transaction. No other thread needs it
#: here, and other processes take the processor then.
_YIELD = 'checkin', engines._thread_yield

# A task that polls more often without other events never ends.
IDLE_POLLS = 1000


class Stuck(Exception):
    """A task waits for an event that will never come."""


class Thread:
    """A thread, green or not, that has ended already."""

    def link(self, callback, *args, **kwargs):
        """Call back at once, because the thread has ended."""
        callback(self, *args, **kwargs)


class Threads(service.ThreadGroupManager):
    """Runs each thread to its end when it is started."""

    def start(self, stack_id, func, *args, **kwargs):
        if 'msg_queue' in kwargs:
            # Later, as in Heat, the operation could not be cancelled.
            self.add_msg_queue(stack_id, kwargs['msg_queue'])
        try:
            func(*args, **kwargs)
        except Exception:
            LOG.exception('A thread of stack %s failed', stack_id)
        return Thread()

    def add_timer(self, stack_id, func, *args, **kwargs):
        pass


def _unwrapped(method):
    """Make a method raise the exception that its caller would get."""
    @functools.wraps(method)
    def call(*args, **kwargs):
        try:
            return method(*args, **kwargs)
        except oslo_messaging.ExpectedException as exc:
            raise exc.exc_info[1]
    return call


class Message(typing.NamedTuple):
    """A message that is not handled yet, and its resource."""

    method: str
    handle: typing.Callable
    resource_id: int
    resource_name: str


class Client:
    """Replaces the RPC client of heat.common.messaging, without a network."""

    def __init__(self, engine, topic, server=None):
        self._engine = engine
        self._topic = topic
        self._server = server
        base = oslo_messaging.JsonPayloadSerializer()
        self._serializer = messaging.RequestContextSerializer(base)

    def prepare(self, **kwargs):
        return self

    def call(self, ctxt, method, **kwargs):
        """Run a method of the engine now; returns its result or raises."""
        if self._server in self._engine.dead:
            raise oslo_messaging.MessagingTimeout()
        return self._message(ctxt, method, kwargs)()

    def cast(self, ctxt, method, **kwargs):
        """Add a method to the queue."""
        self._engine.queue.append(Message(
            method, self._message(ctxt, method, kwargs),
            kwargs.get('resource_id'), kwargs.get('resource_name')))

    def _message(self, ctxt, method, kwargs):
        # A copy, as over a network: the caller shares no object.
        sent = self._serializer.serialize_context(ctxt)
        arguments = {name: self._serializer.serialize_entity(ctxt, value)
                     for name, value in kwargs.items()}

        def handle():
            context = self._serializer.deserialize_context(dict(sent))
            endpoint = self._engine.endpoints[self._topic]
            return _unwrapped(getattr(endpoint, method))(context,
                                                         **arguments)
        return handle


class Engine(fixtures.Fixture):
    """An EngineService and a WorkerService that share a queue of messages.

    Every other attribute is a method of the EngineService.

    :ivar queue: the messages that are not handled yet.
    :ivar errors: the exceptions of handled messages.
    :ivar dead: ids of engines that do not answer.
    """

    def _setUp(self):
        self.queue = []
        self.errors = []
        self.dead = set()
        self._idle = 0
        self._paths = {}
        self._patch('heat.common.messaging.get_rpc_client', self._client)
        self._patch('heat.engine.scheduler.TaskRunner._sleep',
                    lambda task, wait_time: self._wait(wait_time))
        self._patch('heat.engine.scheduler.ENABLE_SLEEP', False)
        # A legacy operation that is waited for has ended by then.
        self._patch('heat.engine.service.NotifyEvent.wait',
                    lambda event: None)
        threads = Threads()
        self._service = service.EngineService('synchronous',
                                              rpc_api.ENGINE_TOPIC)
        self._service.engine_id = 'synchronous'
        self._service.thread_group_mgr = threads
        self._service.worker_service = worker.WorkerService(
            'synchronous', worker_api.TOPIC, 'synchronous', threads)
        self.endpoints = {rpc_api.ENGINE_TOPIC: self._service,
                          rpc_api.LISTENER_TOPIC: service.EngineListener(
                              'synchronous', 'synchronous', threads),
                          worker_api.TOPIC: self._service.worker_service}

    def _patch(self, name, value):
        self.useFixture(fixtures.MonkeyPatch(name, value))

    def _client(self, topic, **kwargs):
        return Client(self, topic, kwargs.get('server'))

    def _wait(self, wait_time):
        """While a task waits, handle a message as another worker would."""
        if not wait_time:
            return
        if self.step():
            self._idle = 0
            return
        self._idle += 1
        if self._idle > IDLE_POLLS:
            raise Stuck('nothing happens any more')

    def step(self):
        """Handle the next message; returns whether there was one."""
        if not self.queue:
            return False
        message = min(self.queue, key=self._rank)
        self.queue.remove(message)
        try:
            message.handle()
        except Exception as exc:
            # The sender does not get the error, and another task may be
            # waiting.
            LOG.exception('%s failed', message.method)
            self.errors.append(exc)
        return True

    def _rank(self, message):
        """Sort key: by the names of resources, and not by their ids.

        Workers may handle any waiting message first. Chosen by name, two
        stacks of one template take the same way.
        """
        if not isinstance(message.resource_id, int):
            # In a snapshot, it is the id of the stack.
            return [message.resource_name or '']
        if message.resource_id not in self._paths:
            self._paths[message.resource_id] = self._path(
                message.resource_id)
        return self._paths[message.resource_id]

    def _path(self, resource_id):
        path = []
        with utils.get_engine().connect() as connection:
            found = connection.execute(
                sqlalchemy.select(models.Resource.name,
                                  models.Resource.stack_id)
                .where(models.Resource.id == resource_id)).first()
            while found and found[0]:
                path.insert(0, found[0])
                found = connection.execute(
                    sqlalchemy.select(models.Stack.parent_resource_name,
                                      models.Stack.owner_id)
                    .where(models.Stack.id == found[1])).first()
        return path

    def run(self):
        """Handle messages until there are none."""
        self._idle = 0
        while self.step():
            pass

    def __getattr__(self, name):
        return _unwrapped(getattr(self._service, name))


class EngineTestCase(engine_case.EngineTestCase):
    """Tests with a synchronous engine.

    :cvar backend: one of ``databases.BACKENDS``; SQLite's database is in
        memory. HEAT_TEST_DATABASE names another one.
    """

    backend = os.environ.get('HEAT_TEST_DATABASE') or databases.SQLITE

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.backend != databases.SQLITE:
            databases.set_up_for_class(cls)

    def setUp(self):
        super().setUp()
        if self.backend == databases.SQLITE:
            engine = utils.get_engine()
            if sqlalchemy.event.contains(engine, *_YIELD):
                sqlalchemy.event.remove(engine, *_YIELD)
            # Other rows that name a deleted one may be left behind.
            databases.never_reuse_ids(engine, models.Resource,
                                      models.ResourcePropertiesData)
        else:
            self._use_server()
        self.database = databases.Database(self.backend)
        self.database.engine = utils.get_engine()
        self.database.url = self.database.engine.url.render_as_string(
            hide_password=False)
        self.start(Engine())
        self.addCleanup(lambda: self.heat.cleanUp())

    def start(self, engine):
        """Start an engine, which the test stops at its end."""
        self.heat = engine
        self.heat.setUp()

    def _use_server(self):
        if self.database is None:
            # In a tuple, because a URL is one.
            self.skipTest('%s is not reachable' % (
                databases.server_url(self.backend),))
        manager = enginefacade.transaction_context()
        manager.configure(connection=self.database.url, thread_checkin=False)
        self.addCleanup(db_api.context_manager.patch_factory(manager))
        self.addCleanup(utils.get_engine().dispose)
        self.addCleanup(_delete_all_rows)

    def empty_database(self):
        """Delete all rows, so that no example is slower than others.

        Messages of these stacks are forgotten, too.
        """
        del self.heat.queue[:]
        _delete_all_rows()

    def finish(self, identity):
        self.heat.run()

    def state(self, identity):
        """Action and status, as in 'CREATE_COMPLETE'."""
        row = self.row(identity)
        return '%(action)s_%(status)s' % row


def _delete_all_rows():
    with utils.get_engine().begin() as connection:
        for table in reversed(models.BASE.metadata.sorted_tables):
            connection.execute(table.delete())
