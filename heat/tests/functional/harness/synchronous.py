# SPDX-License-Identifier: Apache-2.0

"""An engine and a worker without threads: everything in a fixed order.

Where heat.tests.functional.harness.inprocess runs threads as a deployment
does, here one loop handles one message after the other, as in Heat's own
heat.tests.convergence.framework, but with all of Heat's RPC: nested stacks,
snapshots, signals. A test that plays the same operations sees the same
sequence of events, and a stack takes a small fraction of a second.
"""

import functools
import typing

import fixtures
from oslo_log import log as logging
import oslo_messaging
import sqlalchemy

from heat.common import messaging
from heat.db import models
from heat.engine import service
from heat.engine import worker
from heat.rpc import api as rpc_api
from heat.rpc import worker_api
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import engine_case
from heat.tests import utils

LOG = logging.getLogger(__name__)

# A task that polls more often while nothing else happens never ends.
IDLE_POLLS = 1000


class Stuck(Exception):
    """A task waits for something that will not happen."""


class Thread:
    """What is left of a thread, green or not, that has ended already."""

    def link(self, callback, *args, **kwargs):
        """Call back, as all that is linked to the end of a thread."""
        callback(self, *args, **kwargs)


class Threads(service.ThreadGroupManager):
    """Runs each thread to its end when it is started."""

    def start(self, stack_id, func, *args, **kwargs):
        try:
            func(*args, **kwargs)
        except Exception:
            LOG.exception('A thread of stack %s failed', stack_id)
        return Thread()

    def add_timer(self, stack_id, func, *args, **kwargs):
        pass


def _unwrapped(method):
    """Have a method raise what oslo.messaging would send to the caller."""
    @functools.wraps(method)
    def call(*args, **kwargs):
        try:
            return method(*args, **kwargs)
        except oslo_messaging.ExpectedException as exc:
            raise exc.exc_info[1]
    return call


class Message(typing.NamedTuple):
    """What is yet to be done, and the resource that it is about."""

    method: str
    handle: typing.Callable
    resource_id: int
    resource_name: str


class Client:
    """What heat.common.messaging.get_rpc_client gives, without a network."""

    def __init__(self, engine, topic):
        self._engine = engine
        self._topic = topic
        base = oslo_messaging.JsonPayloadSerializer()
        self._serializer = messaging.RequestContextSerializer(base)

    def prepare(self, **kwargs):
        return self

    def call(self, ctxt, method, **kwargs):
        """Run a method of the engine now; its result or its exception."""
        return self._message(ctxt, method, kwargs)()

    def cast(self, ctxt, method, **kwargs):
        """Have a method run when its turn comes."""
        self._engine.queue.append(Message(
            method, self._message(ctxt, method, kwargs),
            kwargs.get('resource_id'), kwargs.get('resource_name')))

    def _message(self, ctxt, method, kwargs):
        # As over a network: nothing is shared with the caller.
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

    :ivar queue: the messages that are yet to be handled.
    :ivar errors: the exceptions that handling messages ended with.
    """

    def _setUp(self):
        self.queue = []
        self.errors = []
        self._idle = 0
        self._paths = {}
        self._patch('heat.common.messaging.get_rpc_client', self._client)
        self._patch('heat.engine.scheduler.TaskRunner._sleep',
                    lambda task, wait_time: self._wait(wait_time))
        self._patch('heat.engine.scheduler.ENABLE_SLEEP', False)
        # Whatever a legacy operation is waited for has happened by then.
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
        return Client(self, topic)

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
            # The one who sent it is not told, and another may be waiting.
            LOG.exception('%s failed', message.method)
            self.errors.append(exc)
        return True

    def _rank(self, message):
        """Sort key: by the names of resources, and not by their ids.

        Of messages that wait, workers handle any one first. Two stacks of
        one template go the same way when it is chosen by name.
        """
        if message.resource_id is None:
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
    """Tests with a synchronous engine and a database in memory."""

    def setUp(self):
        super().setUp()
        self.heat = self.useFixture(Engine())
        self.database = databases.Database(databases.SQLITE)
        self.database.engine = utils.get_engine()
        # Other rows that name a deleted one may be left behind.
        databases.never_reuse_ids(self.database.engine, models.Resource,
                                  models.ResourcePropertiesData)

    def empty_database(self):
        """Delete all rows, so that no example is slower than others."""
        with self.database.engine.begin() as connection:
            for table in reversed(models.BASE.metadata.sorted_tables):
                connection.execute(table.delete())

    def finish(self, identity):
        self.heat.run()

    def state(self, identity):
        """Action and status, as in 'CREATE_COMPLETE'."""
        row = self.row(identity)
        return '%(action)s_%(status)s' % row
