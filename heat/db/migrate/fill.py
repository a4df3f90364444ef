# SPDX-License-Identifier: Apache-2.0

"""Write the values that the rows of convergence stacks lack."""

import json

import sqlalchemy

from heat.db.migrate import by_key
from heat.db.migrate import cases
from heat.db.migrate import chunks as migrate_chunks
from heat.db.migrate import exactly
from heat.db.migrate import packet as migrate_packet
from heat.db import models

_stack = models.Stack.__table__
_resource = models.Resource.__table__


def write(session, plan):
    """Write the fills of a plan within the caller's transaction.

    A convergence operation begins by storing a traversal of its own. The rows
    of the stacks are written first. So no operation can begin until the end of
    the transaction, and the resource rows stay as they were read.

    :param plan: a heat.engine.migrate.plan.Plan
    :raises TreeChanged: when a stack is not as the plan assumed
    """
    if not plan.fills:
        return
    _write_stacks(session, plan)
    _write_resources(session, plan, 'requires', _lists, _size_of_list)
    _write_resources(session, plan, 'current_template_id', _numbers)


def _write_stacks(session, plan):
    rows = {row.id: row for row in plan.tree.stacks}
    # The graph as text, because its size in the statement is limited.
    graphs = [(rows[fill.id], fill, fill.current_deps and
               json.dumps(fill.current_deps)) for fill in plan.fills]
    for status in sorted({row.status for row, _fill, _graph in graphs}):
        for chunk in migrate_chunks.chunks(
                (item for item in graphs if item[0].status == status),
                _size_of_stack, size=migrate_packet.chunk_bytes(session)):
            exactly.execute_once(session, len(chunk), [plan],
                                 _update_stacks(chunk, status))


def _size_of_stack(item):
    # For some ids and traversals.
    return len(item[2] or '') + 500


def _update_stacks(chunk, status):
    """An UPDATE of those of some stacks that are unchanged."""
    stack = _stack.c
    traversal = stack.current_traversal
    values = {traversal: cases.by_id(
        stack, {row.id: fill.current_traversal or row.current_traversal
                for row, fill, _graph in chunk}, traversal.type)}
    graphs = {row.id: graph for row, _fill, graph in chunk if graph}
    if graphs:
        values[stack.current_deps] = cases.by_id(
            stack, graphs, sqlalchemy.Text(),
            else_=sqlalchemy.type_coerce(stack.current_deps,
                                         sqlalchemy.Text()))
    before = cases.by_id(
        stack, {row.id: row.current_traversal or '' for row, _fill, _graph
                in chunk}, traversal.type)
    return by_key.update(_stack).where(
        stack.id.in_([row.id for row, _fill, _graph in chunk]),
        stack.status == status,
        sqlalchemy.func.coalesce(traversal, '') == before).values(values)


def _write_resources(session, plan, column, values_of, size_of=None):
    """Write one column of the resource rows that lack it.

    :param values_of: called with pairs of an id and a value, it gives the
        CASE of them
    """
    rows = [(row.id, getattr(row, column))
            for fill in plan.fills for row in fill.resources
            if getattr(row, column) is not None]
    for chunk in migrate_chunks.chunks(
            rows, size_of, migrate_chunks.RESOURCES,
            migrate_packet.chunk_bytes(session)):
        exactly.execute_once(
            session, len(chunk), [plan], by_key.update(_resource).where(
                _resource.c.id.in_([row_id for row_id, _value in chunk])
            ).values({column: values_of(chunk)}))


def _lists(pairs):
    return cases.lists_by_id(pairs)


def _size_of_list(item):
    # An id has some ten digits, and appears twice.
    return 50 + 12 * len(item[1])


def _numbers(pairs):
    return cases.by_id(_resource.c, dict(pairs), sqlalchemy.Integer())
