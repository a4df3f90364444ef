# SPDX-License-Identifier: Apache-2.0

"""Let engines die at any moment, and start others.

An engine dies by an exception that nothing catches, at one of its writing
statements. From then on it changes nothing.
"""

import gc

import fixtures
from oslo_utils import uuidutils
import sqlalchemy

from heat.db import models
from heat.tests import utils

_LEDGER = 'heat.tests.functional.harness.plugins.things.Ledger'


class Killed(BaseException):
    """The engine is dead; Heat does not catch this."""


class Death(fixtures.Fixture):
    """Lets the engine die at the Nth statement that writes.

    :ivar writes: how many of these there were
    """

    def __init__(self, at=None):
        self._at = at
        self.writes = 0

    def die(self):
        """Die now, as at a statement; a plug-in calls this."""
        self._at = self.writes
        self._die()

    def _setUp(self):
        listener = (utils.get_engine(), 'before_execute', self._count)
        sqlalchemy.event.listen(*listener)
        self.addCleanup(sqlalchemy.event.remove, *listener)
        self.useFixture(fixtures.MonkeyPatch('sys.unraisablehook',
                                             lambda _of: None))
        self.useFixture(fixtures.MonkeyPatch(
            _LEDGER + '.touch', lambda _ledger: self._die()))

    def _die(self):
        if self._at is not None and self.writes >= self._at:
            raise Killed()

    def _count(self, _connection, statement, *_args):
        if statement.is_dml:
            self.writes += 1
            self._die()


def kill(test, operation, death):
    """As :func:`die`; then start another engine.

    :param test: a synchronous.EngineTestCase
    """
    died = die(operation, death)
    start_another(test)
    return died


def die(operation, death):
    """Do an operation until the engine dies.

    :param operation: called without arguments
    :param death: a Death
    :returns: whether the engine died before the operation ended
    """
    died = False
    with death:
        try:
            operation()
        except Killed:
            died = True
        # Otherwise tasks of the dead engine would end later, and write.
        gc.collect()
    return died


def start_another(test):
    """Start another engine, for which the present one is dead."""
    del test.heat.queue[:]
    forget_locks(test)
    engine = test.heat._service
    test.heat.dead.add(engine.engine_id)
    engine.engine_id = uuidutils.generate_uuid()
    engine.worker_service.engine_id = engine.engine_id
    test.heat.reset_stack_status()


def one_engine_at_a_time():
    """A fixture: the engine of a lock that somebody else holds is dead."""
    return fixtures.MonkeyPatch('heat.common.service_utils.engine_alive',
                                lambda context, engine_id: False)


def forget_locks(test):
    """Delete the locks of dead engines; other tests cover these."""
    with test.database.engine.begin() as connection:
        connection.execute(models.StackLock.__table__.delete())


def root_identity(test):
    """The identity of the only root stack; None when there is none."""
    roots = test.database.rows(models.Stack, owner_id=None, deleted_at=None)
    return identity(roots[0]) if roots else None


def identity(row):
    """The identity of a stack for RPC methods."""
    return {'stack_id': row['id'], 'stack_name': row['name'],
            'tenant': row['tenant'], 'path': ''}
