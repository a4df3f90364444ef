# SPDX-License-Identifier: Apache-2.0

"""The rows of a stack tree, as values.

If a tree has not changed, reading it twice gives equal values. Templates stay
text here, so a damaged template is an error only when it is parsed, not when
it is read.
"""

import typing


class StackRow(typing.NamedTuple):
    """One stack, with the raw template that it uses as text.

    ``has_snapshots`` is true if there are snapshots of it.
    """

    id: str
    name: str
    tenant: str
    username: str
    owner_id: str
    parent_resource_name: str
    nested_depth: int
    backup: bool
    action: str
    status: str
    convergence: bool
    current_traversal: str
    raw_template_id: int
    prev_raw_template_id: int
    user_creds_id: int
    stack_user_project_id: str
    timeout: int
    disable_rollback: bool
    created_at: object
    updated_at: object
    template: str
    environment: str
    files: str
    files_id: int
    has_snapshots: bool


class ResourceRow(typing.NamedTuple):
    """One resource, with the columns that a conversion reads."""

    id: int
    stack_id: str
    name: str
    physical_resource_id: str
    action: str
    status: str
    engine_id: str
    current_template_id: int
    root_stack_id: str
    replaces: int
    replaced_by: int
    updated_at: object


class SnapshotRow(typing.NamedTuple):
    """One snapshot of a stack.

    ``has_data`` is true if its row has data. ``has_rows`` is true if it has
    rows of resource_snapshot, which only convergence writes. ``action`` is
    None in Heat releases without that column.
    """

    id: str
    stack_id: str
    name: str
    action: str
    status: str
    has_data: bool
    has_rows: bool


class Tree(typing.NamedTuple):
    """A root stack (the first) and all below it, parents before children."""

    stacks: tuple
    resources: tuple
    snapshots: tuple

    @property
    def root(self):
        return self.stacks[0]

    @property
    def size(self):
        """How many nested stacks and how many resources it has."""
        return (sum(1 for row in self.stacks[1:] if not row.backup),
                len(self.resources))


class StoredGraph(typing.NamedTuple):
    """The dependency graph of a tree as the database holds it, as text.

    ``current_deps`` by stack id, ``requires`` by resource id.
    """

    current_deps: dict
    requires: dict
