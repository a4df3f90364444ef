# SPDX-License-Identifier: Apache-2.0

"""Run clients with all operations on stacks that are being converted."""

import collections
from concurrent import futures
import random
import threading
import time

from heatclient import exc
import sqlalchemy

from heat.db import models
from heat.tests import releases

CLIENTS = 6

#: What clients do to a stack while it is legacy and being converted.
OPERATIONS = {
    'update': lambda heat, stack: heat.stacks.update(
        stack.id, template=stack.template),
    'patch': lambda heat, stack: heat.stacks.update(stack.id, existing=True),
    'suspend': lambda heat, stack: heat.actions.suspend(stack.id),
    'resume': lambda heat, stack: heat.actions.resume(stack.id),
    'check': lambda heat, stack: heat.actions.check(stack.id),
    'snapshot': lambda heat, stack: heat.stacks.snapshot(stack.id),
    'cancel': lambda heat, stack: heat.actions.cancel_update(stack.id),
    'signal': lambda heat, stack: heat.resources.signal(stack.id, 'grow'),
    'delete': lambda heat, stack: heat.stacks.delete(stack.id),
}

# Before Heat 26, operations that take the stack lock run beside updates and
# deletes of a convergence stack, and each spoils the other. A signal that
# scales a group does the same, on Heat 27 too. Only races on Heat 22 have met
# it: a stack gets operations of one kind only there.
TRAVERSING = {'update', 'patch', 'cancel', 'delete'}

#: What Heat logs when it drops a delete, because another operation began
#: between its loading and its storing; a pattern, with the name of the stack.
#: See test_a_delete_that_an_update_overtakes_is_dropped.
DROPPED_DELETE = r'Failed to store stack %s with .*, aborting stack DELETE'

#: One stack in this number is deleted by one of its clients.
DELETED = 3

# The answers to a client for a suspended or deleted stack, in any Heat.
REFUSED, GONE = 'not in this state', 'deleted'

_ANSWERS = {exc.HTTPConflict: '409', exc.HTTPBadRequest: REFUSED,
            exc.HTTPNotFound: GONE}

Stack = collections.namedtuple('Stack', 'id template')


def has_begun_delete(database, stack_id):
    """Whether a delete of a stack has begun, as its events say."""
    return bool(database.rows(
        models.Event, stack_id=stack_id, physical_resource_id=stack_id,
        resource_action='DELETE', resource_status='IN_PROGRESS'))


class Race:
    """Run clients on stacks, and watch the stacks meanwhile.

    :param heat: a running ``deployment.Deployment``
    :param stacks: a list of :class:`Stack`
    :ivar answers: how often each operation got each answer
    :ivar deleted: ids of the stacks whose delete was accepted. It may begin
        much later: a legacy one waits for the operation that it stops.
    """

    def __init__(self, heat, stacks):
        self.heat = heat
        self.stacks = stacks
        self.answers = collections.Counter()
        self.deleted = set()
        # The convergence stacks, and those that are no longer convergence.
        self.converted = set()
        self.reverted = set()

    def run(self, seed):
        """Request all operations on each stack in turn, from all clients.

        :param seed: of the order of the operations
        """
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(over,))
        watcher.start()
        try:
            with futures.ThreadPoolExecutor(CLIENTS) as clients:
                list(clients.map(self._ask, self._requests(seed)))
        finally:
            over.set()
            watcher.join()

    def _requests(self, seed):
        order = random.Random(seed)
        for number, stack in enumerate(self.stacks):
            names = self._operations(number, stack)
            order.shuffle(names)
            for name in names:
                yield name, stack

    def _operations(self, number, stack):
        """Names of the operations on a stack that do not disturb others."""
        names = set(OPERATIONS)
        # Heat's legacy engine waits for ever for a check of a group if a
        # signal scales the group meanwhile.
        names.remove(('check', 'signal')[number % 2])
        if number % DELETED:
            names.remove('delete')
        if not releases.RESOURCE_SNAPSHOTS:
            names = (names - TRAVERSING if number % DELETED == 1
                     else names & TRAVERSING)
        return sorted(names)

    def _ask(self, request):
        name, stack = request
        try:
            OPERATIONS[name](self.heat.client, stack)
            answer = 'success'
            if name == 'delete':
                self.deleted.add(stack.id)
        except exc.HTTPException as error:
            answer = _ANSWERS.get(type(error)) or str(error)
        self.answers[name, answer] += 1

    def _watch(self, over):
        """Check that no stack is legacy again after it was convergence."""
        stack = models.Stack
        query = sqlalchemy.select(stack.id, stack.convergence).where(
            stack.id.in_([stack.id for stack in self.stacks]))
        while not over.is_set():
            with self.heat.database.engine.connect() as connection:
                rows = connection.execute(query).all()
            now = {stack_id for stack_id, convergence in rows if convergence}
            self.reverted |= self.converted - now
            self.converted |= now
            time.sleep(0.1)
