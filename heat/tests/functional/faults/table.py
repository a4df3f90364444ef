# SPDX-License-Identifier: Apache-2.0

"""The table of faults in the contributor guide, which the tests write.

With HEAT_TEST_UPDATE_DOCS=1 the tests of crashes and faults write their
counts. Without it they check that the table has all of their rows. For a new
table, delete the old one first.
"""

import csv
import os
import tempfile
import typing

from oslo_concurrency import lockutils

from heat.tests.functional.harness import databases
from heat.tests.functional.harness import processes

PATH = os.path.join(processes.TREE, 'doc', 'source', 'contributor',
                    'faults.csv')

NAMES = {databases.SQLITE: 'SQLite', databases.MYSQL: 'MariaDB',
         databases.POSTGRESQL: 'PostgreSQL'}

#: What a fault is called when it is none of fault_errors.FAULTS.
#: What a tree is afterwards: as a whole one of two, or neither.
CONVERTED, LEGACY, LOST = 'converted', 'legacy', 'lost'

KILLED = 'Process killed'
BROKER_RESTARTED = 'RabbitMQ restarted'
BROKER_DOWN = 'RabbitMQ down'

#: The converting process. With a real fault of a database, the process of the
#: test converts.
COMMAND, UPDATE = 'heat-manage', 'update'
REAL = 'converter, real fault'
VIA_ENGINES = 'heat-manage --via-engines'
BATCH = 'heat-manage, batch'


class Row(typing.NamedTuple):
    """How often a fault was injected, and how that ended.

    A tree has survived if it is wholly convergence or wholly legacy.
    """

    fault: str
    by: str
    database: str
    injected: int
    converted: int
    legacy: int
    lost: int

    @property
    def name(self):
        """The key of a row."""
        return self[:3]


HEADER = ('Fault', 'Conversion by', 'Database', 'Injected',
          'Survived, convergence', 'Survived, legacy', 'Lost')


def row(fault, by, backend, states):
    """Count how trees have ended.

    :param backend: one of ``databases.BACKENDS``
    :param states: CONVERTED, LEGACY or LOST for each tree
    """
    return Row(fault, by, NAMES[backend], len(states),
               *map(states.count, (CONVERTED, LEGACY, LOST)))


def check(test, rows):
    """Fail for a lost tree, or for a missing row.

    With HEAT_TEST_UPDATE_DOCS=1 the rows are written first.
    """
    if updated():
        replace(PATH, HEADER, rows, 3)
    test.assertEqual([], [row for row in rows if row.lost])
    test.assertLessEqual(
        {row.name for row in rows}, {row.name for row in read()},
        'Run the tests with HEAT_TEST_UPDATE_DOCS=1.')


def read():
    """Read the committed table as a list of :class:`Row`."""
    return [Row(*line[:3], *map(int, line[3:])) for line in _lines(PATH)]


def _lines(path):
    with open(path, newline='') as source:
        return list(csv.reader(source))[1:]


def replace(path, header, rows, key):
    """Write rows into a table; each replaces the one that begins the same.

    :param key: in how many columns
    """
    with lockutils.lock('fault_table', external=True,
                        lock_path=tempfile.gettempdir()):
        table = {tuple(row[:key]): row for row in
                 [*(_lines(path) if os.path.exists(path) else ()), *rows]}
        with open(path, 'w', newline='') as target:
            csv.writer(target, lineterminator='\n').writerows(
                [header, *(table[name] for name in sorted(table))])


def updated():
    """Whether the tests must write the table."""
    return os.environ.get('HEAT_TEST_UPDATE_DOCS', '') not in ('', '0')
