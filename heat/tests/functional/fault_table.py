# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The table of faults in the contributor guide, which the tests write.

With HEAT_TEST_UPDATE_DOCS=1 the tests of crashes and faults write what they
have counted; without it they see that the table has all of their rows.
"""

import csv
import os
import typing

from oslo_concurrency import lockutils

from heat.tests.functional import databases
from heat.tests.functional import processes

PATH = os.path.join(processes.TREE, 'doc', 'source', 'contributor',
                    'faults.csv')

NAMES = {databases.SQLITE: 'SQLite', databases.MYSQL: 'MariaDB',
         databases.POSTGRESQL: 'PostgreSQL'}

#: What a fault is called when it is none of fault_errors.FAULTS.
KILLED = {'command': 'Process of heat-manage killed',
          'update': 'Process of the engine killed'}
REAL = '%s, a real one'
IN_UPDATE = 'One of the faults of this database, in an update'


class Row(typing.NamedTuple):
    """How often a fault was injected, and how that ended."""

    fault: str
    database: str
    injected: int
    converted: int
    legacy: int
    lost: int


HEADER = ('Fault', 'Database', 'Injected', 'Converted', 'Left legacy',
          'Lost')


def read():
    """Read the committed table as a list of :class:`Row`."""
    with open(PATH, newline='') as source:
        lines = list(csv.reader(source))
    return [Row(*line[:2], *map(int, line[2:])) for line in lines[1:]]


def write(rows):
    """Put rows into the table, in the place of those of the same name."""
    with lockutils.lock('fault_table', external=True,
                        lock_path=os.path.dirname(PATH)):
        table = {row[:2]: row for row in
                 [*(read() if os.path.exists(PATH) else ()), *rows]}
        with open(PATH, 'w', newline='') as target:
            writer = csv.writer(target, lineterminator='\n')
            writer.writerows([HEADER, *sorted(table.values())])


def updated():
    """Whether the tests are to write the table."""
    return os.environ.get('HEAT_TEST_UPDATE_DOCS', '') not in ('', '0')
