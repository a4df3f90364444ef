# SPDX-License-Identifier: Apache-2.0

"""The rows of a stack and of the stacks nested in it."""

import dataclasses

from heat.db import models


@dataclasses.dataclass(frozen=True)
class Tree:
    """The rows of a stack tree; equal when nothing in them has changed.

    :ivar stacks: the root stack first, then level by level.
    :ivar resources: in the order of their stacks.
    """

    stacks: list
    resources: list

    def convergence(self):
        """The values of the stacks' ``convergence`` column: one or both."""
        return {stack['convergence'] for stack in self.stacks}

    def but_for(self, *columns):
        """The same tree without some columns."""
        return Tree(*([{key: value for key, value in row.items()
                        if key not in columns} for row in rows]
                      for rows in (self.stacks, self.resources)))

    def physical_ids(self):
        """Physical ids by stack id and resource name."""
        return {(row['stack_id'], row['name']): row['physical_resource_id']
                for row in self.resources}


def read(database, stack_id):
    """Read the tree below a root stack, without backup stacks.

    :param database: a ``databases.Database``.
    """
    stacks = database.rows(models.Stack, id=stack_id, deleted_at=None)
    for stack in stacks:  # grows while it is walked
        stacks += database.rows(models.Stack, owner_id=stack['id'],
                                backup=False, deleted_at=None)
    return Tree(stacks, [
        row for stack in stacks
        for row in database.rows(models.Resource, stack_id=stack['id'])])
