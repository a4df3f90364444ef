# SPDX-License-Identifier: Apache-2.0

"""Count what is asked of the database, and how long it takes."""

import contextlib
import dataclasses
import gc
import time

import sqlalchemy


@dataclasses.dataclass
class Cost:
    """What a piece of work has cost.

    ``statements`` counts each round of parameters that the driver sends on
    its own: an INSERT of many rows goes out as one, an UPDATE does not.
    ``trips`` are round trips on the wire, None where nobody saw them.
    """

    statements: int = 0
    seconds: float = 0.0
    trips: int = None


class Meter(object):
    """Measures pieces of work on one engine.

    :param engine: the SQLAlchemy engine
    :param trips: shared counter of a tools.bench.proxy.Proxy, or None
    """

    def __init__(self, engine, trips=None):
        self._trips = trips
        self._cost = Cost()
        sqlalchemy.event.listen(engine, 'before_cursor_execute', self._count)

    def _count(self, _connection, _cursor, statement, parameters, _context,
               executemany):
        sent_as_one = (not executemany
                       or statement.lstrip()[:6].upper() == 'INSERT')
        self._cost.statements += 1 if sent_as_one else len(parameters)

    @contextlib.contextmanager
    def measure(self):
        """Give the Cost of what happens within the context."""
        gc.collect()
        self._cost = cost = Cost()
        trips = self._trips and self._trips.value
        start = time.perf_counter()
        yield cost
        cost.seconds = time.perf_counter() - start
        if self._trips:
            cost.trips = self._trips.value - trips
        self._cost = Cost()
