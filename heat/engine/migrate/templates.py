# SPDX-License-Identifier: Apache-2.0

"""Parse the templates of a stack tree with its stored credentials."""

from heat.common.migrate import deadline as migrate_deadline
from heat.common.migrate import exception as migrate_exception
from heat.engine.migrate import credentials as migrate_credentials
from heat.engine.migrate import graph as migrate_graph
from heat.engine.migrate import plan as migrate_plan
from heat.engine.migrate import shared as migrate_shared


class Templates:
    """Parses the templates of a tree.

    The stored credentials are read once for the whole tree, when the first
    template is parsed. If they cannot be used, the stack is refused only if a
    plug-in asks for them.

    With ``by_name`` no plug-in is asked; see migrate_graph.requirements.
    """

    def __init__(self, context, tree, stored_credentials, by_name=False):
        self._context = context
        self._tree = tree
        self._stored_credentials = stored_credentials
        self._loader = None if stored_credentials else context
        self._by_name = by_name
        self._shared = (migrate_shared.Requirements()
                        if len(tree.stacks) > 1 else None)

    def _parse(self, function, row, *args):
        label = migrate_plan.label(row)
        migrate_deadline.of(self._context).check(label)
        if self._loader is None:
            self._loader = migrate_credentials.stored_context(
                self._context, self._tree.root)
        return function(self._loader, row, label, *args)

    def requirements(self, row, is_target=True):
        """The requirements of a StackRow; see migrate_graph.requirements.

        :param is_target: whether the next update starts from this template
        """
        try:
            return self._parse(migrate_graph.requirements, row, is_target,
                               self._shared, self._by_name)
        except migrate_exception.ImplicitDependencies as exc:
            if self._stored_credentials:
                migrate_credentials.refuse(self._tree.root, exc)
            raise

    def definitions(self, row):
        """The definitions of a StackRow; see migrate_graph.definitions."""
        return self._parse(migrate_graph.definitions, row)

    def prepared(self, row):
        """See migrate_graph.prepared."""
        return self._parse(migrate_graph.prepared, row)
