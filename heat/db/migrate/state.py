# SPDX-License-Identifier: Apache-2.0

"""Read the state of one stack, without its tree."""

import typing

import sqlalchemy
from sqlalchemy import orm

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db.migrate import conditions
from heat.db import models

_stack = models.Stack.__table__.c


class State(typing.NamedTuple):
    """The values of a stack that say whether an update must convert it."""

    id: str
    name: str
    tenant: str
    owner_id: str
    action: str
    created_at: object
    legacy: int


_ROOT_ID = sqlalchemy.bindparam('root_id')


def _tree(condition):
    """(id, is_legacy) of some stacks and of all below them.

    Backup stacks do not count as legacy.
    """
    def columns(stack):
        return stack.c.id, sqlalchemy.and_(
            conditions.is_convergence(stack.c).is_(False),
            conditions.is_backup(stack.c).is_(False)).label('is_legacy')

    first, child = (models.Stack.__table__.alias() for _ in range(2))
    tree = sqlalchemy.select(*columns(first)).where(
        condition(first.c), first.c.deleted_at.is_(None)).cte(
            'tree', recursive=True)
    return tree.union(conditions.children(tree, child, *columns(child)))


def _select_state():
    tree = _tree(lambda stack: stack.id == _ROOT_ID)
    legacy = sqlalchemy.select(sqlalchemy.func.count()).select_from(
        tree).where(tree.c.is_legacy)
    return sqlalchemy.select(
        *[_stack[field] for field in State._fields[:-1]],
        legacy.scalar_subquery()
    ).where(_stack.id == _ROOT_ID, _stack.deleted_at.is_(None))


def _select_legacy_below():
    """Whether a stack below another one, at any depth, is legacy."""
    tree = _tree(lambda stack: stack.owner_id == _ROOT_ID)
    return sqlalchemy.select(sqlalchemy.exists().where(tree.c.is_legacy))


def _select_stack():
    """A stack as Heat reads it, and whether it has nested stacks."""
    nested = models.Stack.__table__.alias()
    return sqlalchemy.select(
        models.Stack, sqlalchemy.exists().where(
            nested.c.owner_id == models.Stack.id,
            nested.c.deleted_at.is_(None)).label('has_nested')
    ).where(models.Stack.id == _ROOT_ID).options(
        orm.joinedload(models.Stack.raw_template))


# Built once: to build one takes several times as long as to execute it.
_STATE = _select_state()
_LEGACY_BELOW = _select_legacy_below()
_STACK = _select_stack()


@db_api.retry_on_db_error
def get(context, stack_id):
    """Read the state of a stack in one statement.

    :returns: a :class:`State` whose ``legacy`` is the number of legacy
        stacks in its tree, or None when there is no such stack.
    """
    with db_api.get_engine().connect() as connection:
        row = connection.execute(_STATE, {'root_id': stack_id}).first()
    return State._make(row) if row else None


def get_with(context, stack_id, read):
    """Read a stack as Heat does, and whether an update must convert it.

    Every update of every stack reads this. So it is read in the statement
    with which Heat reads the stack anyway. Only for a convergence stack with
    nested stacks there is another one, in the same transaction. If the
    connection breaks, all is read once more.

    :param read: Heat's reading, called without arguments
    :returns: the stack that ``read`` gives, and its :class:`State`, whose
        ``legacy`` is 1 if there are legacy stacks in its tree, or 0
    """
    try:
        return _get_with(context, stack_id, read)
    except migrate_exception.DATABASE_ERRORS:
        return _get_with(context, stack_id, read)


def _get_with(context, stack_id, read):
    with db_api.context_manager.reader.using(context) as session:
        # Heat finds the row in the session as long as it is in use here.
        row = session.execute(_STACK, {'root_id': stack_id}).first()
        stack = read()
        legacy = not stack.convergence or (row.has_nested and session.scalar(
            _LEGACY_BELOW, {'root_id': stack_id}))
    return stack, State(
        *(getattr(stack, field) for field in State._fields[:-1]),
        legacy=int(legacy))


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_convergence_name(context, stack_id):
    """The name of a stack if it is convergence now; None for any other."""
    return context.session.scalar(
        sqlalchemy.select(models.Stack.name).where(
            models.Stack.id == stack_id, models.Stack.convergence.is_(True)))


@db_api.retry_on_db_error
@db_api.context_manager.reader
def is_at_work(context, stack_id):
    """Whether a convergence operation runs on a stack, or has deleted it."""
    stack = models.Stack
    row = context.session.execute(
        sqlalchemy.select(stack.action, stack.status, stack.convergence)
        .where(stack.id == stack_id, stack.deleted_at.is_(None))).first()
    return row is None or row.convergence and (
        row.status == 'IN_PROGRESS' or
        (row.action, row.status) == ('DELETE', 'COMPLETE'))


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_root_id(context, stack_id):
    """Return the id of the root stack above a stack, None if unreachable."""
    parent = orm.aliased(models.Stack)
    above = sqlalchemy.select(models.Stack.id, models.Stack.owner_id).where(
        models.Stack.id == stack_id).cte('above', recursive=True)
    above = above.union(sqlalchemy.select(parent.id, parent.owner_id).where(
        parent.id == above.c.owner_id, parent.deleted_at.is_(None)))
    return context.session.scalar(
        sqlalchemy.select(above.c.id).where(above.c.owner_id.is_(None)))
