# SPDX-License-Identifier: Apache-2.0

"""Parse the graph that is stored in the rows of a convergence stack."""

import collections
import graphlib
import json
import typing


class Deps(typing.NamedTuple):
    """The graph of the last operation, from stack.current_deps.

    :ivar edges: as they are stored
    :ivar nodes: ids of all resources in it
    :ivar updated: ids of the resources to create or update
    :ivar required: {id: ids that it requires}, of these resources
    :ivar has_cleanup: whether there are nodes for a clean-up
    """

    edges: list
    nodes: set
    updated: set
    required: dict
    has_cleanup: bool


def parse(text):
    """Parse current_deps; returns :class:`Deps`, or None if Heat cannot.

    See ConvergenceNode in heat.engine.stack. A node is [id, whether it is an
    update]. In Heat 27 a node for a snapshot has a third item.
    """
    try:
        edges = json.loads(text)['edges']
        pairs = [(_node(requirer), required and _node(required))
                 for requirer, required in edges]
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    nodes = {node for pair in pairs for node in pair if node}
    required = collections.defaultdict(set)
    for requirer, other in pairs:
        if other and requirer[1] and other[1]:
            required[requirer[0]].add(other[0])
    return Deps(edges, {node[0] for node in nodes},
                {node[0] for node in nodes if node[1]}, required,
                any(not node[1] for node in nodes))


def _node(value):
    key, is_update = value[0], value[1]
    if not isinstance(key, (int, str)) or not isinstance(is_update, bool):
        raise ValueError(value)
    return key, is_update


def ids(text):
    """Parse resource.requires; returns the ids, or None if Heat cannot."""
    try:
        values = json.loads(text)
    except (TypeError, ValueError):
        return None
    if not isinstance(values, list) or not all(
            isinstance(value, int) for value in values):
        return None
    return values


def circle(required):
    """The keys of a circular dependency, or none.

    :param required: {key: the keys that it requires}; values that are no keys
        of the dict do not count
    """
    sorter = graphlib.TopologicalSorter({
        key: [other for other in others if other in required]
        for key, others in required.items()})
    try:
        sorter.prepare()
    except graphlib.CycleError as exc:
        return exc.args[1][1:]
    return []
