# SPDX-License-Identifier: Apache-2.0

"""The values that a repair adds to the rows of a convergence stack."""

import typing

from oslo_utils import uuidutils


class ResourceFill(typing.NamedTuple):
    """What to store in a resource row; None leaves a column as it is."""

    id: int
    name: str
    requires: tuple
    current_template_id: int


class StackFill(typing.NamedTuple):
    """What to store in a stack row; None leaves a column as it is.

    ``resources`` are the :class:`ResourceFill` of its resource rows, and
    ``added`` is the number of dependencies that they get. ``circle`` has the
    names of resources that would require each other afterwards.
    """

    id: str
    name: str
    current_traversal: str
    current_deps: dict
    resources: tuple
    added: int
    circle: tuple


class Filling:
    """Collects what is missing in the rows of one stack.

    :param row: the heat.db.migrate.rows.StackRow
    """

    def __init__(self, row):
        self._row = row
        self._traversal = None
        self._deps = None
        self._names = {}
        self._templates = {}
        self._requires = {}
        self._added = 0
        self.circle = ()

    def add_traversal(self):
        self._traversal = uuidutils.generate_uuid()

    def add_edges(self, stored, edges):
        """Add edges of updates to those that are stored.

        :param edges: pairs of ids; the second is None for a resource that
            requires nothing
        """
        named = {key for edge in edges if edge[1] is not None for key in edge}
        # In the order of PlannedStack.edges in heat.engine.migrate.plan.
        self._deps = {'edges': list(stored) + [
            [[requirer, True], None if required is None else [required, True]]
            for requirer, required in sorted(
                edges, key=lambda edge: (edge[0], -(edge[1] or 0)))
            if required is not None or requirer not in named]}

    def add_template(self, member, template_id):
        self._names[member.id] = member.name
        self._templates[member.id] = template_id

    def add_requires(self, member, stored, missing):
        """Add ids to what a resource row requires."""
        self._names[member.id] = member.name
        # Highest first, as heat.engine.resource.Resource.store has it.
        self._requires[member.id] = tuple(sorted({*stored, *missing},
                                                 reverse=True))
        self._added += len(missing)

    def requires(self):
        """Pairs of a resource id and all that it will require."""
        return self._requires.items()

    def made(self):
        """The :class:`StackFill`."""
        return StackFill(
            self._row.id, self._row.name, self._traversal, self._deps,
            tuple(ResourceFill(key, name, self._requires.get(key),
                               self._templates.get(key))
                  for key, name in sorted(self._names.items())),
            self._added, self.circle)
