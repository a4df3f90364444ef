# SPDX-License-Identifier: Apache-2.0

"""Compare the stored graph of a convergence stack with a computed one.

Heat 19 to 21 converted stacks without current_deps and needed_by; other
differences would be damage. What is found can be written as a plan.
"""

import json
import typing

from heat.engine.migrate import plan as migrate_plan


class Finding(typing.NamedTuple):
    """One column of one row that differs from what was computed.

    ``resource`` is None when the row is the stack's. ``harmless`` is true
    for needed_by alone: current Heat stores it but does not read it.
    """

    stack_id: str
    stack: str
    resource: str
    column: str
    stored: object
    expected: object

    @property
    def harmless(self):
        return self.column == 'needed_by'

    def __str__(self):
        where = self.stack if self.resource is None else (
            'resource %s of %s' % (self.resource, self.stack))
        return '%s: %s is %s, should be %s' % (
            where, self.column, self.stored, self.expected)


def compare(tree, graph, requirements):
    """Compare the convergence stacks of a sane tree with their templates.

    :param graph: the heat.db.migrate.tree.StoredGraph of the tree
    :param requirements: as for migrate_plan.make
    :returns: the findings, and the plan that would mend them
    :raises MigrationRefused: when rows and template do not fit together
    """
    resources = migrate_plan.by_stack(tree.resources)
    findings, stacks = [], []
    for row in migrate_plan.to_change(tree, convergence=False):
        planned = migrate_plan.plan_stack(
            row, resources[row.id], requirements(row), row.current_traversal)
        found = list(_compare_stack(row, planned, graph))
        if found:
            findings.extend(found)
            stacks.append(planned)
    return tuple(findings), migrate_plan.Plan(
        stack_id=tree.root.id, label=migrate_plan.label(tree.root),
        convergence=True, stacks=tuple(stacks), tree=tree, repair=True)


def _compare_stack(row, planned, graph):
    def finding(column, stored, expected, resource=None):
        return Finding(row.id, migrate_plan.label(row), resource, column,
                       stored, expected)

    if not row.current_traversal:
        yield finding('current_traversal', row.current_traversal,
                      'a traversal')
    stored = _update_edges(_parse(graph.current_deps[row.id]))
    expected = _update_edges(planned.current_deps)
    if stored != expected:
        yield finding('current_deps', _in_words(stored), _in_words(expected))
    for resource in planned.resources:
        requires, needed_by, template_id = graph.resources[resource.id]
        for column, stored, expected in (
                ('requires', _ids(requires), sorted(resource.requires)),
                ('needed_by', _ids(needed_by), sorted(resource.needed_by)),
                ('current_template_id', template_id,
                 planned.current_template_id)):
            if stored != expected:
                yield finding(column, stored, expected, resource.name)


def _parse(text):
    """The value of a JSON column; None for what is none."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None


def _ids(text):
    ids = _parse(text)
    try:
        return sorted(ids)
    except TypeError:
        return ids


def _update_edges(current_deps):
    """The edges between resources that are there to stay.

    An update adds nodes for the clean-up after it ([id, false]), which end
    with it; see Stack._compute_convg_dependencies in heat.engine.stack.
    """
    try:
        edges = {(tuple(requirer), required and tuple(required))
                 for requirer, required in current_deps['edges']}
        return {(requirer[0], required and required[0])
                for requirer, required in edges
                if requirer[1] and required and required[1]}
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _in_words(edges):
    return 'missing' if edges is None else '%d edges' % len(edges)
