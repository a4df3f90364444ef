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

"""The table of faults in the documents has a row for every fault."""

import testtools

from heat.tests.functional import databases
from heat.tests.functional import fault_errors
from heat.tests.functional import fault_table


def _expected(backend):
    """The faults that are tried on a database, by their names."""
    real = [fault_errors.READ_ONLY, fault_errors.LOCK_TIMEOUT,
            fault_errors.FULL if backend == databases.SQLITE
            else fault_errors.DEADLOCK]
    return {*fault_errors.FAULTS[backend], *fault_table.KILLED.values(),
            fault_table.IN_UPDATE, *(fault_table.REAL % name
                                     for name in real)}


class FaultTableTest(testtools.TestCase):

    def test_there_is_a_row_for_every_fault_and_no_other(self):
        self.assertEqual(
            sorted((fault, fault_table.NAMES[backend])
                   for backend in databases.BACKENDS
                   for fault in _expected(backend)),
            sorted(row[:2] for row in fault_table.read()))

    def test_nothing_is_lost(self):
        for row in fault_table.read():
            self.assertEqual((row.injected, 0),
                             (row.converted + row.legacy, row.lost), row)
            self.assertGreater(row.injected, 0)
