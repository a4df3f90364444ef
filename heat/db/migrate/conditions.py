# SPDX-License-Identifier: Apache-2.0

"""SQL conditions on stack rows, and trees of stacks, for other statements."""

import sqlalchemy
from sqlalchemy import orm

from heat.db import models

_Stack = models.Stack

# A part of the SQL text. A bound parameter takes time in each execution.
_FALSE = sqlalchemy.false()


def is_convergence(stack):
    """The stack is convergence; very old Heat left the column NULL."""
    return sqlalchemy.func.coalesce(stack.convergence, _FALSE)


def is_backup(stack):
    """The stack is a backup stack, with the resources of an update."""
    return sqlalchemy.func.coalesce(stack.backup, _FALSE)


def is_sane(stack):
    """The last operation of the stack succeeded, or has not ended yet."""
    return sqlalchemy.and_(
        sqlalchemy.func.coalesce(stack.status, '').in_(
            ('COMPLETE', 'IN_PROGRESS')),
        sqlalchemy.func.coalesce(stack.action, 'DELETE') != 'DELETE')


def owner_is_gone(owner_id):
    """The owner of the nested stack no longer exists.

    :param owner_id: the column with the id of the owner, which may be NULL
    """
    owner = orm.aliased(_Stack)
    return sqlalchemy.and_(
        owner_id.is_not(None),
        ~sqlalchemy.exists().where(owner.id == owner_id,
                                   owner.deleted_at.is_(None)))


def is_root(owner_id):
    """The stack never had an owner, or its owner is gone."""
    return sqlalchemy.or_(owner_id.is_(None), owner_is_gone(owner_id))


def is_unreferenced(stack):
    """No resource names the nested stack, and it is not sane.

    The rule is heat.engine.migrate.leftovers.in_the_way. A search for the
    name comes last: the schema has no index on physical ids.
    """
    parent, backup = orm.aliased(_Stack), orm.aliased(_Stack)
    resource = models.Resource
    backups = sqlalchemy.select(backup.id).where(
        backup.owner_id == stack.owner_id, is_backup(backup).is_(True),
        backup.deleted_at.is_(None))
    named = sqlalchemy.or_(*(
        sqlalchemy.exists().where(
            holder, resource.physical_resource_id == stack.id)
        for holder in (resource.stack_id == stack.owner_id,
                       resource.stack_id.in_(backups))))
    parent_is_complete = sqlalchemy.exists().where(
        parent.id == stack.owner_id, parent.deleted_at.is_(None),
        parent.status == 'COMPLETE', is_sane(parent))
    suspected = sqlalchemy.and_(
        stack.owner_id.is_not(None), is_backup(stack).is_(False),
        ~is_sane(stack), parent_is_complete)
    return sqlalchemy.case(
        (suspected, sqlalchemy.case((named, 0), else_=1)), else_=0) == 1


def children(tree, child, *columns):
    """Select from the stacks that a stack of a recursive tree owns.

    MariaDB takes all root stacks for children of one owner, because NULL
    counts as a value of the index. Then it prefers to go through all stacks
    of a cloud, so the order of the join is given.

    :param tree: the recursive expression, with a column ``id``
    :param child: an alias of the table of stacks
    """
    return sqlalchemy.select(*columns).prefix_with(
        'STRAIGHT_JOIN', dialect='mysql').select_from(tree).join(
            child, child.c.owner_id == tree.c.id).where(
                child.c.deleted_at.is_(None))


def trees(*conditions):
    """(root_id, id) of the stacks that meet conditions and all below them.

    UNION (not UNION ALL) ends the recursion if damaged rows own each other.
    """
    child = _Stack.__table__.alias()
    tree = sqlalchemy.select(
        _Stack.id.label('root_id'), _Stack.id.label('id')).where(
            _Stack.deleted_at.is_(None), *conditions).cte(
                'tree', recursive=True)
    return tree.union(children(tree, child, tree.c.root_id, child.c.id))
