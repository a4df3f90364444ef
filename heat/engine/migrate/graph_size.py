# SPDX-License-Identifier: Apache-2.0

"""Refuse a stack whose graph is too large for one statement.

The graph of a stack is one value of one column. Heat stores it whole with
each operation, so nobody can divide it.
"""

import json

from heat.common.migrate import exception as migrate_exception
from heat.engine.migrate import plan as migrate_plan

_MEGABYTE = 1 << 20

#: The server is asked for its limit only if a graph has more bytes. No server
#: has a lower limit by default.
ASK_FROM = _MEGABYTE // 2

# Bytes of the other values in the statement that stores a graph.
_REST = 1 << 13

# The largest value that a server accepts.
_MOST = 1 << 30


def of_next_update(stack):
    """Bytes of the graph that the next update of a converted stack stores.

    It has the edges that a conversion stores, and another node for each
    resource, to clean up after the update (Stack._compute_convg_dependencies
    in heat.engine.stack).

    :param stack: a heat.engine.migrate.plan.PlannedStack
    """
    digits = max((len(str(row.id)) for row in stack.resources), default=0)
    edges = sum(len(row.requires) for row in stack.resources)

    def size(first, second):
        return len(json.dumps([[[1, first], [1, second]]])) + 2 * (digits - 1)

    return (len(json.dumps({'edges': []})) +
            edges * (size(True, True) + size(False, False)) +
            len(stack.resources) * size(False, True))


def _of_fill(fill):
    return len(json.dumps(fill.current_deps)) if fill.current_deps else 0


def check(plan, get_limit):
    """Refuse a plan with a graph that the server would not take.

    :param get_limit: called without arguments, it gives the bytes of a
        statement that the server takes, or None
    :raises GraphTooLarge: when a statement would be larger
    """
    sizes = [(of_next_update(stack), stack) for stack in plan.stacks
             if stack.current_traversal is not None]
    sizes += [(_of_fill(fill), fill) for fill in plan.fills]
    size, stack = max(sizes, key=lambda item: item[0], default=(0, None))
    if size <= ASK_FROM:
        return
    limit = get_limit()
    if limit is None or size + _REST <= limit:
        return
    raise migrate_exception.GraphTooLarge(
        stack=migrate_plan.label(stack), size=size, limit=limit,
        enough=_enough(size))


def _enough(size):
    """A limit that leaves room for the stack to grow by half.

    Failed updates leave more nodes as well.
    """
    enough = _REST
    while enough < min(size * 3 // 2 + _REST, _MOST):
        enough *= 2
    return enough
