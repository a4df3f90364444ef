# SPDX-License-Identifier: Apache-2.0

"""Verify that the rows of a convergence stack have what Heat reads.

Heat does not store the same graph after each operation. See "What a healthy
convergence stack is" in doc/source/contributor/internals.rst for what it
stores and reads in each column.
"""

import typing

from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import text as migrate_text
from heat.engine.migrate import fill as migrate_fill
from heat.engine.migrate import plan as migrate_plan
from heat.engine.migrate import stored_graph


class Finding(typing.NamedTuple):
    """Something that is missing in a column of a stack or a resource.

    ``resource`` is None for the row of the stack, and for a circle of
    resources.
    """

    stack_id: str
    stack: str
    resource: str
    column: str
    text: str

    def __str__(self):
        return '%s: %s' % (self.stack, self.text)


def compare(tree, graph, requirements):
    """Compare the rows of the convergence stacks of a tree with templates.

    :param graph: the heat.db.migrate.rows.StoredGraph of the tree
    :param requirements: as for heat.engine.migrate.planning.make; called only
        for stacks whose rows are not enough
    :returns: the findings, and the plan that fills in what is missing
    :raises MigrationRefused: when a template that is needed cannot be used
    """
    resources = migrate_plan.by_stack(tree.resources)
    findings, fills = [], []
    for row in migrate_plan.to_change(tree, convergence=False):
        stack = _Stack(row, resources[row.id], graph, requirements)
        stack.look()
        if stack.findings:
            findings.extend(stack.findings)
            fills.append(stack.fill.made())
    return tuple(findings), migrate_plan.Plan(
        stack_id=tree.root.id, label=migrate_plan.label(tree.root),
        convergence=True, stacks=(), fills=tuple(fills), tree=tree,
        repair=True, lacked=in_words(findings))


# How many findings a message quotes; it counts the others.
_QUOTED = 10


def in_words(findings):
    """Quote findings in one sentence, however many there are."""
    quoted = '; '.join(map(str, findings[:_QUOTED]))
    more = len(findings) - _QUOTED
    return '%s; and %d more' % (quoted, more) if more > 0 else quoted


def check_fills(plan):
    """Refuse a repair that would break the next operation.

    :raises CircularDependencies: when resources would require each other
    :raises ResourceInProgress: when an engine is working on a resource
    """
    filled = {fill.id for fill in plan.fills}
    for fill in plan.fills:
        if fill.circle:
            raise migrate_exception.CircularDependencies(
                stack=plan.label, resources=', '.join(fill.circle))
    for row in plan.tree.resources:
        if row.stack_id in filled and (
                row.status == 'IN_PROGRESS' or row.engine_id):
            raise migrate_exception.ResourceInProgress(
                stack=plan.label, resource=row.name, action=row.action)


class _Stack:
    """The rows of one convergence stack, with the findings."""

    def __init__(self, row, resources, graph, requirements):
        self._row = row
        # Heat removes these rows and does not read them: see
        # resource_get_all_active_by_stack in heat.db.api.
        self._members = [member for member in sorted(
            resources, key=lambda member: (member.name, member.id))
            if (member.action, member.status) != ('DELETE', 'COMPLETE')]
        self._ids = {member.id for member in resources}
        self._rows = {}
        for member in sorted(self._members, key=_age):
            self._rows.setdefault(member.name, []).append(member.id)
        self._deps = stored_graph.parse(graph.current_deps[row.id])
        self._requires = {member.id: stored_graph.ids(
            graph.requires[member.id]) for member in self._members}
        self._requirements = requirements
        self._required = None
        self._as_created = self._is_as_created()
        self.findings = []
        self.fill = migrate_fill.Filling(row)

    def look(self):
        if self._row.current_traversal is None:
            self._found('current_traversal', 'current_traversal: not stored')
            self.fill.add_traversal()
        for member in self._members:
            self._look_at_template(member)
            self._look_at_requires(member)
        self._look_at_graph()
        self._look_for_circle()

    def _found(self, column, text, resource=None):
        self.findings.append(Finding(
            self._row.id, migrate_plan.label(self._row), resource, column,
            migrate_text.printable(text)))

    @property
    def required(self):
        """The requirements by name; computed when first needed."""
        if self._required is None:
            self._required = self._requirements(self._row)
        return self._required

    def _is_as_created(self):
        """Whether no operation has begun with these resources yet.

        Each operation adds nodes to current_deps for its clean-up. Without
        such nodes the graph is that of the template.
        """
        return not (self._deps and self._deps.has_cleanup) and all(
            member.current_template_id in (None, self._row.raw_template_id)
            for member in self._members)

    def _look_at_template(self, member):
        if member.current_template_id is not None:
            return
        if member.name not in self.required:
            raise migrate_exception.OrphanResources(
                stack=migrate_plan.label(self._row),
                resources=migrate_plan.resource_label(member))
        self._found('current_template_id', 'current_template_id of %s: not '
                    'stored' % member.name, member.name)
        self.fill.add_template(member, self._row.raw_template_id)

    def _look_at_requires(self, member):
        stored = self._requires[member.id]
        if stored is None:
            self._found('requires', 'requires of %s: cannot be read'
                        % member.name, member.name)
            self.fill.add_requires(member, (), [
                self._rows[name][0] for name in self._names(member)])
        elif self._must_be_full(member) and self._ids.issuperset(stored):
            missing = [name for name in self._names(member)
                       if not set(self._rows[name]).intersection(stored)]
            for name in missing:
                self._found('requires', '%s requires %s: not stored' % (
                    member.name, name), member.name)
            if missing:
                self.fill.add_requires(member, stored, [
                    self._rows[name][0] for name in missing])

    def _must_be_full(self, member):
        """Whether a row must have all ids that its template requires.

        Heat stores them when it creates or updates the resource itself, but
        not when an update leaves the resource unchanged.
        """
        if member.action == 'INIT' or member.replaced_by is not None:
            return False
        return member.current_template_id is None or self._as_created

    def _names(self, member):
        """The names that a resource requires and that have a row."""
        return [name for name in sorted(self.required.get(member.name, ()))
                if name in self._rows]

    def _edges(self, member):
        return [(member.id, self._rows[name][0])
                for name in self._names(member)] or [(member.id, None)]

    def _look_at_graph(self):
        if self._deps is None:
            self._found('current_deps', 'current_deps: not stored')
            self.fill.add_edges([], [edge for member in self._members
                                     for edge in self._edges(member)])
            return
        edges = []
        for member in self._without_node():
            self._found('current_deps', '%s: not stored in current_deps'
                        % member.name, member.name)
            edges.extend(self._edges(member))
        if self._as_created:
            edges.extend(self._missing_edges())
        if edges:
            self.fill.add_edges(self._deps.edges, edges)

    def _without_node(self):
        """The resources that the last operation has no node for.

        A replacement does not appear by its own id. Once Heat has removed
        the replaced row, only an unknown id is left in the graph.
        """
        members = [member for member in self._members
                   if member.id not in self._deps.nodes and
                   member.replaces is None]
        unknown = self._deps.updated - self._ids
        return members if len(members) > len(unknown) else []

    def _missing_edges(self):
        for member in self._members:
            if member.id not in self._deps.updated:
                continue
            stored = self._deps.required[member.id]
            if not self._ids.issuperset(stored):
                continue
            for name in self._names(member):
                if not stored.intersection(self._rows[name]):
                    self._found(
                        'current_deps', '%s requires %s: not stored in '
                        'current_deps' % (member.name, name), member.name)
                    yield member.id, self._rows[name][0]

    def _look_for_circle(self):
        """Check that the next operation can order its clean-up.

        The order has both requires and replaces. With a circle each update and
        delete fails (Stack._compute_convg_dependencies).
        """
        names = {member.id: member.name for member in self._members}
        required = {member.id: set(self._requires[member.id] or ()) |
                    {member.replaces} for member in self._members}
        circle = stored_graph.circle(required)
        if circle:
            self._found('requires', 'resources require each other: %s'
                        % ', '.join(names[key] for key in circle))
        for key, more in self.fill.requires():
            required[key].update(more)
        self.fill.circle = tuple(
            names[key] for key in stored_graph.circle(required))


def _age(row):
    """Sort key of rows with the same name: the row in use comes first."""
    return row.replaced_by is not None, -row.id
