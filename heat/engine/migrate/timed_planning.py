# SPDX-License-Identifier: Apache-2.0

"""Plan with a deadline, also if a resource plug-in hangs.

A plug-in that hangs cannot be stopped from outside. Planning writes nothing,
so it runs in a thread of its own, which is abandoned at the deadline. That
thread ends at its next call to the cloud or at the next stack.
"""

import threading

from oslo_context import context as oslo_context

from heat.common import context as heat_context
from heat.common.migrate import deadline as migrate_deadline

#: Name of the threads that plan.
THREAD = 'heat-migrate-plan'


class _Clients:
    """The clients of a context; they are not available past a deadline."""

    def __init__(self, clients, check):
        self._clients = clients
        self._check = check

    def client(self, *args, **kwargs):
        self._check()
        return self._clients.client(*args, **kwargs)

    def client_plugin(self, *args, **kwargs):
        self._check()
        return self._clients.client_plugin(*args, **kwargs)

    def __getattr__(self, name):
        return getattr(self._clients, name)


class TimedContext(heat_context.RequestContext):
    """A copy of a request's context with a deadline.

    It has its own clients, because an abandoned thread may still use them. The
    update uses the clients of the request.
    """

    migrate_deadline = migrate_deadline.NEVER

    @classmethod
    def copy(cls, context, deadline, label):
        """Copy a context.

        :param deadline: a heat.common.migrate.deadline.Deadline
        :param label: the stack in words
        """
        current = oslo_context.get_current()
        # Its constructor makes it the context of log lines of this thread.
        copied = cls.from_dict(context.to_dict())
        if current is not None:
            current.update_store()
        copied.migrate_deadline = deadline
        copied._migrate_label = label
        copied._limit_requests(copied._keystone_session)
        return copied

    def _limit_requests(self, session):
        """Let a Keystone session begin no request past the deadline."""
        request = session.request

        def limited(*args, **kwargs):
            self._check()
            # The abandoned thread must not hang for ever.
            kwargs.setdefault('timeout', self.migrate_deadline.left)
            return request(*args, **kwargs)

        session.request = limited

    @property
    def clients(self):
        if self._clients is None:
            # Client plug-ins also have a weak reference to it.
            self._clients = _Clients(super().clients, self._check)
        return self._clients

    def _check(self):
        self.migrate_deadline.check(self._migrate_label)


def call(context, label, function, *args):
    """Call a function that writes nothing, until the deadline at most.

    :param context: it carries the deadline; without one the call is direct
    :param label: the stack in words
    :raises OutOfTime: when the function takes longer; it may still run
    """
    deadline = migrate_deadline.of(context)
    left = deadline.left
    if left is None:
        return function(*args)
    ended = {}
    done = threading.Event()

    def run():
        try:
            # The log lines of this thread show the request.
            context.update_store()
            ended['value'] = function(*args)
        except BaseException as exc:
            ended['error'] = exc
        finally:
            done.set()

    threading.Thread(target=run, name=THREAD, daemon=True).start()
    # What was left before: if the thread itself finds the deadline passed, it
    # is about to end, and is not abandoned.
    if not done.wait(left):
        raise deadline.error(label)
    if 'error' in ended:
        # The plug-in may raise its own error for a stopped call.
        deadline.check(label)
        raise ended['error']
    return ended['value']
