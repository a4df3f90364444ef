# SPDX-License-Identifier: Apache-2.0

"""The dependency graph of a stack that is not COMPLETE, by row ids.

It has the resources in use and those that they replace.
"""

import collections
import graphlib

from heat.common.migrate import exception as migrate_exception
from heat.engine.migrate import plan as migrate_plan


class Graph:
    """The requirements of each row of a stack.

    :param row: the StackRow
    :param main: {name: row} of the stack itself
    :param backed_up: {name: row} of its backup stacks
    :param current: {row id: the StackRow with its template}
    :param templates: a heat.engine.migrate.failed_templates.RowTemplates
    :ivar requires: {row id: the set of the row ids that it requires}
    """

    def __init__(self, row, main, backed_up, current, templates):
        self._row = row
        self._main, self._backed_up = main, backed_up
        self._rows = [*main.values(), *backed_up.values()]
        self._current, self._templates = current, templates
        pairs = (sorted((old.id, main[name].id))
                 for name, old in backed_up.items() if name in main)
        self._replaced = {newer: older for older, newer in pairs}
        self.requires = self._find_requires()
        for requirer, required in self._begun():
            # With a circle, each later operation would fail.
            known = required in self.requires[requirer]
            if not known and not self._reaches(required, requirer):
                self.requires[requirer].add(required)

    @property
    def needed_by(self):
        """The inverse of ``requires``."""
        needed_by = collections.defaultdict(set)
        for requirer, required in self.requires.items():
            for row_id in required:
                needed_by[row_id].add(requirer)
        return needed_by

    def _find_requires(self):
        ids = collections.defaultdict(set)
        for row in self._rows:
            # Nothing can depend on a resource that was never created.
            if _is_created(row):
                ids[row.name].add(row.id)
        return {row.id: self._requires_of(row, ids) for row in self._rows}

    def _requires_of(self, row, ids):
        graph = self._templates.graph(self._current[row.id])
        return {required for name in graph.get(row.name, ())
                for required in ids[name]}

    def _begun(self):
        """Find what failed updates have added, as (row id, required row id).

        A resource whose update failed may already use what the template of
        the update lets it use. Heat then stores the old requirements and the
        new ones; see Resource.update in heat.engine.resource.
        """
        failed = [row for row in self._rows if self._may_have_failed(row)]
        graph = self._templates.last_graph() if failed else {}
        # The update of a resource begins after these.
        done = {row.name: row.id for row in self._rows
                if self._is_done(row) and _is_created(row)}
        for row in failed:
            for name in sorted(done.keys() & graph.get(row.name, ())):
                yield row.id, done[name]

    def _may_have_failed(self, row):
        # The legacy engine replaces a resource whose update has failed, and
        # makes the replaced one COMPLETE.
        return row.status != 'COMPLETE' or self._is_backed_up(row)

    def _is_done(self, row):
        return self._current[row.id] is self._templates.target

    def _reaches(self, start, end):
        """Whether a row requires another one, directly or through others."""
        seen, following = set(), [start]
        while following:
            row_id = following.pop()
            if row_id not in seen:
                seen.add(row_id)
                following += self.requires.get(row_id, ())
                if row_id in self._replaced:
                    following.append(self._replaced[row_id])
        return end in seen

    def check_order(self):
        """Refuse a circular dependency: no delete could complete with it."""
        order = graphlib.TopologicalSorter(self.requires)
        for pair in self._replaced.items():
            order.add(*pair)
        try:
            order.prepare()
        except graphlib.CycleError:
            raise migrate_exception.CircularBackup(
                stack=migrate_plan.label(self._row))

    def edges(self):
        """Edges of the graph as an update stores it with its clean-up.

        See Stack._compute_convg_dependencies in heat.engine.stack.
        """
        chosen = self._chosen()
        graph = (self._templates.graph(self._templates.target)
                 if self._rows else {})
        yield from _update_edges(chosen, graph)
        for row in sorted(self._rows):
            node = row.id, False
            yield from (((other, False), node)
                        for other in sorted(self.requires[row.id]))
            if not self.requires[row.id]:
                yield node, None
            if chosen.get(row.name) == row.id and row.name in graph:
                yield node, (row.id, True)
            if row.id in self._replaced:
                yield (self._replaced[row.id], False), node

    def _is_backed_up(self, row):
        return self._backed_up.get(row.name) is row

    def _chosen(self):
        """{name: id} of the rows that the next update begins with."""
        chosen = {row.name: row.id for row in self._backed_up.values()
                  if row.name not in self._main or
                  self._is_done(row)}
        for name, row in self._main.items():
            chosen.setdefault(name, row.id)
        return chosen


def _update_edges(chosen, graph):
    for name in sorted(chosen.keys() & graph.keys()):
        node = chosen[name], True
        required = sorted(chosen[other] for other in graph[name]
                          if other in chosen)
        yield from ((node, (other, True)) for other in required)
        if not required:
            yield node, None


def _is_created(row):
    return row.action != 'INIT' and (row.action != 'CREATE' or
                                     row.status == 'COMPLETE')
