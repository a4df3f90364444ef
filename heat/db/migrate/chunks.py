# SPDX-License-Identifier: Apache-2.0

"""Divide work into statements of a limited size."""

# Rows of one statement. This gives few statements. It is well below the number
# of bound parameters that SQLite (32,766) and PostgreSQL (65,535) allow.
ROWS = 1000

# Resources that one statement writes. The database searches the values of a
# statement row by row, so that its time grows with the square of this.
RESOURCES = 500

# Bytes of the values of one statement. MariaDB cuts the connection of a
# client that sends more than max_allowed_packet: 16 MB by default, 4 MB on
# some servers.
BYTES = 1 << 20


def chunks(items, size_of=None, rows=None):
    """Divide the work on rows into statements, by their number and size.

    :param size_of: called with an item, it gives the bytes that the item
        takes in a statement; items of a few bytes each need none
    :param rows: items of a statement at most
    :returns: lists of items in the same order; an item that is larger than
        ``BYTES`` has a list of its own
    """
    rows = rows or ROWS
    chunk, size = [], 0
    for item in items:
        more = size_of(item) if size_of else 0
        if chunk and (len(chunk) == rows or size + more > BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += more
    if chunk:
        yield chunk
