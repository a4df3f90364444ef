# SPDX-License-Identifier: Apache-2.0

"""The work on rows is divided into statements."""

from unittest import mock

from heat.db.migrate import chunks as migrate_chunks
from heat.tests import common


class ChunksTest(common.HeatTestCase):

    def assertChunks(self, expected, items, *args, size=10):
        with mock.patch.object(migrate_chunks, 'BYTES', size):
            self.assertEqual(expected,
                             list(migrate_chunks.chunks(items, *args)))

    def test_nothing(self):
        self.assertChunks([], [])

    def test_by_number(self):
        with mock.patch.object(migrate_chunks, 'ROWS', 2):
            self.assertChunks([[1, 2], [3]], [1, 2, 3])

    def test_by_a_number_of_its_own(self):
        self.assertChunks([[1, 2, 3], [4]], [1, 2, 3, 4], None, 3)

    def test_by_size(self):
        self.assertChunks([['aaaa', 'bbbbbb'], ['c']],
                          ['aaaa', 'bbbbbb', 'c'], len)

    def test_an_item_that_is_too_large_stands_alone(self):
        self.assertChunks([['a'], ['b' * 11], ['c']],
                          ['a', 'b' * 11, 'c'], len)

    def test_items_may_come_one_by_one(self):
        self.assertChunks([['a', 'b']], iter('ab'), len)

    def test_a_statement_is_well_below_what_the_smallest_server_takes(self):
        self.assertLessEqual(3 * migrate_chunks.BYTES, 4 * 2 ** 20)
