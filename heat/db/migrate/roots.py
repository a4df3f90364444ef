# SPDX-License-Identifier: Apache-2.0

"""Find root stacks by the engine that they use, in plain SQL.

Nothing here loads a stack, and nothing reads more rows into memory than it
returns. So it can be used on databases with tens of thousands of stacks.
"""

import datetime
import typing

import sqlalchemy
from sqlalchemy import orm

from heat.db import api as db_api
from heat.db.migrate import chunks as migrate_chunks
from heat.db.migrate import conditions
from heat.db import models

_Stack = models.Stack


class RootStack(typing.NamedTuple):
    """A root stack as the commands show it; created_at and id are its key."""

    id: str
    name: str
    tenant: str
    created_at: datetime.datetime


#: Columns of a :class:`RootStack`, from the table: the ORM would double the
#: time for a hundred thousand rows.
COLUMNS = [_Stack.__table__.c[field] for field in RootStack._fields]


def _roots_of_mixed_trees(convergence):
    """Roots of the other kind, with stacks of this kind somewhere below.

    On the way up from such a stack there is a parent of the other kind. Few
    trees have such a parent, so the search begins there.
    """
    child, parent, above = (orm.aliased(_Stack) for _ in range(3))
    mixed = sqlalchemy.select(parent.id, parent.owner_id).where(
        child.owner_id == parent.id,
        child.deleted_at.is_(None), parent.deleted_at.is_(None),
        conditions.is_backup(child).is_(False),
        conditions.is_convergence(child).is_(convergence),
        conditions.is_convergence(parent).is_(not convergence)).cte(
            'mixed', recursive=True)
    mixed = mixed.union(sqlalchemy.select(above.id, above.owner_id).where(
        above.id == mixed.c.owner_id, above.deleted_at.is_(None)))
    return sqlalchemy.select(mixed.c.id).where(
        conditions.is_root(mixed.c.owner_id))


def _of_kind(convergence):
    """Conditions for root stacks that are of one kind themselves.

    A legacy nested stack whose owner is gone counts as a root stack, because
    it is in the tree of no other stack.
    """
    return [_Stack.owner_id.is_(None) if convergence
            else conditions.is_root(_Stack.owner_id),
            conditions.is_convergence(_Stack).is_(convergence)]


def _mixed(convergence):
    """Conditions for root stacks of the other kind, see above."""
    mixed = [_Stack.id.in_(_roots_of_mixed_trees(convergence))]
    if convergence:
        mixed.append(_Stack.owner_id.is_(None))
    return mixed


def _selected(project, event):
    """Conditions for all stacks that a command selects."""
    where = [_Stack.deleted_at.is_(None),
             conditions.is_backup(_Stack).is_(False)]
    if project is not None:
        where.append(_Stack.tenant == project)
    if event is not None:
        where.append(_has_event(*event))
    return where


def _has_event(action, status, reason):
    """The condition that a stack has an event with this begin of a reason."""
    event = models.Event
    return sqlalchemy.exists().where(
        event.stack_id == _Stack.id, event.resource_action == action,
        event.resource_status == status,
        event._resource_status_reason.startswith(reason, autoescape=True))


@db_api.retry_on_db_error
@db_api.context_manager.reader
def count_roots(context, convergence=False, project=None, event=None):
    """Count the root stacks that have stacks of one kind in their tree.

    :param convergence: count the trees with convergence stacks instead of
        those with legacy stacks
    :param project: id of the only project to count in
    :param event: (action, status, begin of the reason): count only stacks
        with such an event
    """
    return context.session.scalar(
        sqlalchemy.select(sqlalchemy.func.count()).select_from(_Stack)
        .where(sqlalchemy.or_(sqlalchemy.and_(*_of_kind(convergence)),
                              sqlalchemy.and_(*_mixed(convergence))),
               *_selected(project, event)))


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_page(context, size, after=None, convergence=False, project=None,
             event=None):
    """Read the next root stacks of one kind, oldest first.

    The schema has no index for that order: each page goes through all stacks.
    The roots of mixed trees are left out, see :func:`get_mixed_roots`.

    :param size: how many at most
    :param after: the last :class:`RootStack` of the page before
    :param convergence: as in :func:`count_roots`, and so are the others
    :returns: a list of :class:`RootStack`, empty after the last one
    """
    query = sqlalchemy.select(*COLUMNS).where(
        *_of_kind(convergence), *_selected(project, event))
    if after is not None:
        query = query.where(_comes_after(after))
    rows = context.session.execute(query.order_by(
        # Databases differ in where they put NULL.
        _Stack.created_at.is_not(None), _Stack.created_at,
        _Stack.id).limit(size))
    return [RootStack._make(row) for row in rows]


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_mixed_roots(context, convergence=False, project=None, event=None):
    """Read the roots of the other kind with such stacks below them.

    It reads all at once: it compares each nested stack with its parent, and
    few trees are mixed.

    :param convergence: as in :func:`count_roots`, and so are the others
    :returns: a list of :class:`RootStack`, oldest first
    """
    rows = context.session.execute(sqlalchemy.select(*COLUMNS).where(
        *_mixed(convergence), *_selected(project, event)))
    return sorted((RootStack._make(row) for row in rows), key=age)


def age(stack):
    """Sort key of RootStacks, in the order of the pages."""
    return (stack.created_at is not None,
            stack.created_at or datetime.datetime.min, stack.id)


def _comes_after(stack):
    """The condition of the stacks after one, in the order of the pages.

    The schema lets created_at be NULL, though Heat itself always sets it.
    """
    if stack.created_at is None:
        same_date = _Stack.created_at.is_(None)
        later = _Stack.created_at.is_not(None)
    else:
        same_date = _Stack.created_at == stack.created_at
        later = _Stack.created_at > stack.created_at
    return sqlalchemy.or_(later, sqlalchemy.and_(same_date,
                                                 _Stack.id > stack.id))


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_named(context, stack_ids):
    """Map the ids of existing stacks to a :class:`RootStack` each.

    They need not be root stacks.
    """
    rows = {}
    for chunk in migrate_chunks.chunks(stack_ids):
        rows.update((row[0], RootStack._make(row))
                    for row in context.session.execute(
                        sqlalchemy.select(*COLUMNS).where(
                            _Stack.id.in_(chunk),
                            _Stack.deleted_at.is_(None))))
    return rows
