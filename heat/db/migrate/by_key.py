# SPDX-License-Identifier: Apache-2.0

"""Change or lock rows by their primary keys, and lock no other rows.

MariaDB and MySQL read a small table from end to end, even if a statement names
the keys of its rows. InnoDB locks each row that such a statement has read
until the end of the transaction. Two conversions then wait for each other, and
one of them fails with a deadlock. So the index is given.
"""

import sqlalchemy

_INDEX = 'FORCE INDEX (PRIMARY)'


def update(table):
    """An UPDATE of a table, whose condition names primary keys."""
    return sqlalchemy.update(table).with_hint(_INDEX, dialect_name='mysql')


def delete(table):
    """A DELETE from a table, whose condition names primary keys.

    Only its form for several tables, which names one before FROM, has room
    for an index.
    """
    return sqlalchemy.delete(table).prefix_with(
        table.name, dialect='mysql').with_hint(
            _INDEX, dialect_name='mysql').where(_always(table))


def select_for_update(table):
    """A SELECT of primary keys with locks, whose condition names them."""
    return sqlalchemy.select(*table.primary_key).with_hint(
        table, _INDEX, dialect_name='mysql').where(
            _always(table)).with_for_update()


def _always(table):
    """A condition that all rows meet, on a column outside the primary key.

    MariaDB may read the whole of an index that has all columns of a statement,
    even if it must use that index.
    """
    column = table.c.created_at
    return column.is_(None) | column.is_not(None)
