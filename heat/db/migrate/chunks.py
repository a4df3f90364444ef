# SPDX-License-Identifier: Apache-2.0

"""Divide work into statements of a limited size."""

# Rows of one statement. This gives few statements. It is well below the number
# of bound parameters that SQLite (32,766) and PostgreSQL (65,535) allow. From
# 1,000 values on, MariaDB makes a table of a list in a SELECT or in a DELETE
# (in_predicate_conversion_threshold), and no longer uses the primary key.
ROWS = 999

# Resources that one statement writes. The database searches the values of a
# statement for each row, so its time grows with the square of this number.
RESOURCES = 500

# Bytes of the values of one statement. MariaDB takes at most
# max_allowed_packet: 16 MB by default, 4 MB on some servers.
BYTES = 1 << 20


def chunks(items, size_of=None, rows=None, size=None):
    """Divide the work on rows into statements, by their number and size.

    :param size_of: called with an item, it gives the bytes that the item
        takes in a statement; items of a few bytes each need none
    :param rows: items of a statement at most
    :param size: bytes of a statement at most, by default ``BYTES``; see
        heat.db.migrate.packet.chunk_bytes
    :returns: lists of items in the same order; a larger item has a list of its
        own
    """
    rows, size = rows or ROWS, size or BYTES
    chunk, sum_of = [], 0
    for item in items:
        more = size_of(item) if size_of else 0
        if chunk and (len(chunk) == rows or sum_of + more > size):
            yield chunk
            chunk, sum_of = [], 0
        chunk.append(item)
        sum_of += more
    if chunk:
        yield chunk
