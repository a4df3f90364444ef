# SPDX-License-Identifier: Apache-2.0

"""Values by id: what one UPDATE writes to many rows."""

import sqlalchemy


def by_id(columns, values, kind, **options):
    """A CASE that gives each row, by its id, the value meant for it.

    If all rows get the same value, it is that value. The text of a statement
    for a single row is then always the same.

    :param columns: of the table
    :param values: {id: value}
    :param kind: the type of the values
    :param options: of sqlalchemy.case, for example ``else_``
    """
    different = set(values.values())
    if len(different) == 1 and not options:
        return sqlalchemy.literal(*different, kind)
    return sqlalchemy.case(
        {key: sqlalchemy.literal(value, kind)
         for key, value in values.items()}, value=columns.id, **options)


def lists_by_id(lists):
    """A CASE that gives each resource row, by its id, a list of ids.

    It is plain SQL text; every variable part of it is an integer. With a bound
    parameter for each, compiling the statement would take longer than running
    it.

    :param lists: pairs of an id and the ids
    """
    return sqlalchemy.literal_column('CASE resource.id %s END' % ' '.join(
        ["WHEN %d THEN '%s'" % (key, list(map(int, ids)))
         for key, ids in lists]))


def one_of(ids):
    """The condition that a resource row has one of these ids, as plain text.

    It is much faster to compile than ``in_``.
    """
    return sqlalchemy.text('resource.id IN (%s)' % ', '.join(
        ['%d' % key for key in ids]))
