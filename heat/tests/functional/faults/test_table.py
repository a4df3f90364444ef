# SPDX-License-Identifier: Apache-2.0

"""The table of faults in the documents has a row for every fault."""

import itertools

import testtools

from heat.tests.functional.faults import errors as fault_errors
from heat.tests.functional.faults import table as fault_table
from heat.tests.functional.harness import databases


_SERVERS = (databases.MYSQL, databases.POSTGRESQL)

_BROKER = ((fault_table.BROKER_RESTARTED, fault_table.UPDATE),
           (fault_table.BROKER_DOWN, fault_table.UPDATE),
           (fault_table.BROKER_RESTARTED, fault_table.VIA_ENGINES))


def _expected(backend):
    """The faults tested on a database, with the converting process."""
    injected = [fault_table.KILLED, *fault_errors.FAULTS[backend]]
    real = [fault_errors.READ_ONLY, fault_errors.LOCK_TIMEOUT,
            fault_errors.DEADLOCK if backend in _SERVERS
            else fault_errors.FULL]
    return [*itertools.product(injected, (fault_table.COMMAND,
                                          fault_table.UPDATE)),
            *itertools.product(real, (fault_table.REAL,)),
            *(_BROKER if backend == databases.POSTGRESQL else ())]


class FaultTableTest(testtools.TestCase):

    def test_there_is_a_row_for_every_fault_and_no_other(self):
        self.assertEqual(
            sorted((*names, fault_table.NAMES[backend])
                   for backend in databases.BACKENDS
                   for names in _expected(backend)),
            sorted(row.name for row in fault_table.read()))

    def test_nothing_is_lost(self):
        for row in fault_table.read():
            self.assertEqual((row.injected, 0),
                             (row.converted + row.legacy, row.lost), row)
            self.assertGreater(row.injected, 0)
