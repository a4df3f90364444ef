# SPDX-License-Identifier: Apache-2.0

"""Write the values that each conversion gives to stacks and resources."""

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


def write_stacks(session, plans):
    """Write the stacks, if each still has the traversal of the plan.

    A convergence operation takes no stack lock. It begins by storing a
    traversal of its own, if the row still has the one that it has read
    (heat.db.api.stack_update).
    """
    for status in sorted({planned.status for plan in plans
                          for planned in plan.stacks}):
        _write_stacks_of(session, plans, status)


def _write_stacks_of(session, plans, status):
    before = {row.id: row.current_traversal or '' for plan in plans
              for row in plan.tree.stacks}
    # The graph as text, because its size in the statement is limited.
    graphs = ((planned, json.dumps(planned.current_deps))
              for plan in plans for planned in plan.stacks
              if planned.status == status)
    for chunk in migrate_chunks.chunks(
            graphs, _size_of_stack,
            size=migrate_packet.chunk_bytes(session)):
        traversal = cases.by_id(
            _stack.c,
            {planned.id: before[planned.id] for planned, _ in chunk},
            _stack.c.current_traversal.type)
        values = {
            _stack.c.convergence: plans[0].convergence,
            _stack.c.prev_raw_template_id: None,
            _stack.c.current_traversal: cases.by_id(
                _stack.c, {planned.id: planned.current_traversal
                           for planned, _ in chunk},
                _stack.c.current_traversal.type),
            _stack.c.current_deps: cases.by_id(
                _stack.c, {planned.id: graph for planned, graph in chunk},
                sqlalchemy.Text()),
        }
        # For a single stack the text is always the same.
        execute = (exactly.execute if len(chunk) == 1 else
                   exactly.execute_once)
        execute(session, len(chunk), plans, by_key.update(_stack).where(
            _stack.c.id.in_([planned.id for planned, _ in chunk]),
            _stack.c.status == status,
            sqlalchemy.func.coalesce(_stack.c.current_traversal, '')
            == traversal).values(values))


def _size_of_stack(item):
    # For three ids and two traversals.
    return len(item[1]) + 500


def write_resources(session, plans):
    """Write the resources of the stacks, or raise TreeChanged."""
    root_ids = {planned.id: plan.stack_id for plan in plans
                for planned in plan.stacks}
    rows = [(planned, row) for plan in plans for planned in plan.stacks
            for row in planned.resources]
    for chunk in migrate_chunks.chunks(
            rows, _size_of_resource, migrate_chunks.RESOURCES,
            migrate_packet.chunk_bytes(session)):
        values = {
            # For PostgreSQL a CASE with only NULLs has the type text.
            _resource.c.current_template_id: sqlalchemy.cast(_by_stack(
                (planned.id, planned.current_template_id)
                for planned, _ in chunk), sqlalchemy.Integer),
            _resource.c.requires: cases.lists_by_id(
                (row.id, row.requires) for _, row in chunk),
            _resource.c.needed_by: cases.lists_by_id(
                (row.id, row.needed_by) for _, row in chunk),
            _resource.c.root_stack_id: _by_stack(
                (planned.id, root_ids[planned.id]) for planned, _ in chunk),
            _resource.c.engine_id: None,
        }
        met = [cases.one_of(row.id for _, row in chunk)]
        if not plans[0].convergence:
            # An engine locks a resource of a convergence stack with these
            # (Resource.lock). If it loaded the row before, that must fail.
            met.append(_resource.c.engine_id.is_(None))
            values[_resource.c.atomic_key] = sqlalchemy.func.coalesce(
                _resource.c.atomic_key, 0) + 1
        exactly.execute_once(session, len(chunk), plans, by_key.update(
            _resource).where(*met).values(values))


def _by_stack(values):
    """An expression for the value that each resource row gets by its stack.

    :param values: pairs of a stack id and the value, any number of each
    """
    values = dict(values)
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return sqlalchemy.case(values, value=_resource.c.stack_id)


def _size_of_resource(item):
    # An id has some ten digits, and appears three times.
    row = item[1]
    return 100 + 12 * (len(row.requires) + len(row.needed_by))
