# SPDX-License-Identifier: Apache-2.0

"""The work on rows is divided into statements."""

import fixtures

from heat.db.migrate import chunks as migrate_chunks
from heat.tests import common


class ChunksTest(common.HeatTestCase):

    def test_items_are_divided_by_number_and_by_size(self):
        self.useFixture(fixtures.MockPatchObject(migrate_chunks, 'ROWS', 5))
        self.useFixture(fixtures.MockPatchObject(migrate_chunks, 'BYTES', 10))
        for expected, items, *args in (
                ([], []),
                ([[1, 2, 3, 4, 5], [6]], range(1, 7)),
                # By a number of its own.
                ([[1, 2, 3], [4]], [1, 2, 3, 4], None, 3),
                ([['aaaa', 'bbbbbb'], ['c']], ['aaaa', 'bbbbbb', 'c'], len),
                # One that is too large stands alone.
                ([['b' * 11], ['a'], ['c' * 11], ['d']],
                 ['b' * 11, 'a', 'c' * 11, 'd'], len),
                # One by one.
                ([['a', 'b']], iter('ab'), len)):
            self.assertEqual(expected,
                             list(migrate_chunks.chunks(items, *args)))

    def test_a_statement_is_well_below_what_the_smallest_server_takes(self):
        self.assertLessEqual(3 * migrate_chunks.BYTES, 4 * 2 ** 20)
