# SPDX-License-Identifier: Apache-2.0

"""Write many stacks as rows: to create them would take hours."""

import datetime

from heat.tests.functional.harness import copied_trees

# Stacks a transaction.
_CHUNK = 500

_FIRST_DATE = datetime.datetime(2020, 1, 1)


def copy(engine, stack_id, count):
    """Copy a root stack; the copies were created a second apart.

    :param engine: the SQLAlchemy engine of the database
    :param stack_id: the stack
    :param count: how many copies to make
    :returns: the ids of the copies, oldest first
    """
    source = copied_trees.Source(engine, stack_id, lambda _physical_id: None)
    ids = []
    for start in range(0, count, _CHUNK):
        with engine.begin() as connection:
            for number in range(start, min(count, start + _CHUNK)):
                identity, _things = source.write(
                    connection, '%s-%d' % (source.name, number),
                    created_at=_FIRST_DATE + datetime.timedelta(
                        seconds=number), updated_at=None)
                ids.append(identity['stack_id'])
    return ids
