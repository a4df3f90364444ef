# SPDX-License-Identifier: Apache-2.0

"""Read the trees of those root stacks that can be handled together."""

import sqlalchemy

from heat.db import api as db_api
from heat.db.migrate import conditions
from heat.db.migrate import tree as migrate_tree
from heat.db import models

#: The most resources, and bytes of templates, of all trees of a batch. They
#: are read and planned together, and written in parts.
RESOURCES, BYTES = 500, 1 << 21

_stack = models.Stack.__table__.c
_template = models.RawTemplate.__table__.c


def _select_trees():
    """(root_id, id) of some trees."""
    tree = conditions.trees(
        models.Stack.owner_id.is_(None), models.Stack.id.in_(
            sqlalchemy.bindparam('root_ids', expanding=True)))
    return sqlalchemy.select(tree.c.root_id, tree.c.id)


def _select_sizes():
    """(id, resources, bytes) of some stacks."""
    resource = models.Resource.__table__.c
    members = sqlalchemy.select(
        resource.stack_id, sqlalchemy.func.count().label('number')).where(
            migrate_tree.of_stacks(resource.stack_id)).group_by(
                resource.stack_id).subquery()
    size = sum(sqlalchemy.func.coalesce(sqlalchemy.func.length(
        sqlalchemy.type_coerce(column, sqlalchemy.Text)), 0)
        for column in (_template.template, _template.environment,
                       _template.files))
    return sqlalchemy.select(
        _stack.id, sqlalchemy.func.coalesce(members.c.number, 0),
        sqlalchemy.func.coalesce(size, 0)).select_from(
            models.Stack.__table__).outerjoin(
                models.RawTemplate.__table__,
                _template.id == _stack.raw_template_id).outerjoin(
                    members, members.c.stack_id == _stack.id).where(
                        migrate_tree.of_stacks(_stack.id))


_TREES, _SIZES = _select_trees(), _select_sizes()


@db_api.retry_on_db_error
def get_trees(root_ids):
    """Read the trees of those root stacks that are small and not locked.

    :param root_ids: a list of not too many ids, each once
    :returns: {root id: :class:`heat.db.migrate.rows.Tree`}, in the order of
        the ids, as many as RESOURCES and BYTES allow
    """
    with db_api.get_engine().connect() as connection:
        root_of = {
            stack_id: root_id for root_id, stack_id in connection.execute(
                _TREES, {'root_ids': root_ids})}
        small = _small(root_ids, _sizes(connection, root_of))
        if not small:
            return {}
        trees, locked = migrate_tree.read_many(connection, small, [
            stack_id for stack_id in root_of if root_of[stack_id] in small])
    return {root_id: trees[root_id] for root_id in small
            if root_id in trees and not any(
                row.id in locked for row in trees[root_id].stacks)}


def _sizes(connection, root_of):
    """Map root ids to [resources, bytes] of their trees.

    :param root_of: {stack id: root id}
    """
    sizes = {root_id: [0, 0] for root_id in root_of.values()}
    for stack_id, resources, size in migrate_tree.rows_of(
            connection, _SIZES, root_of):
        sizes[root_of[stack_id]][0] += resources
        sizes[root_of[stack_id]][1] += size
    return sizes


def _small(root_ids, sizes):
    """The ids whose trees together are small enough."""
    chosen, resources, size = [], 0, 0
    for root_id in root_ids:
        if root_id not in sizes:
            continue
        more = sizes[root_id]
        if resources + more[0] <= RESOURCES and size + more[1] <= BYTES:
            chosen.append(root_id)
            resources += more[0]
            size += more[1]
    return chosen
