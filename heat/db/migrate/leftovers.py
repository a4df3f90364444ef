# SPDX-License-Identifier: Apache-2.0

"""Find leftover nested stacks, and the stacks that share their resources.

A leftover still has its legacy row, but no operation of any other stack
reaches it. Its owner is gone, or no resource of its owner names it.
"""

import collections
import typing

import sqlalchemy
from sqlalchemy import orm

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db.migrate import chunks as migrate_chunks
from heat.db.migrate import conditions
from heat.db import models

_Stack, _Resource = models.Stack, models.Resource


class Shared(typing.NamedTuple):
    """A resource of another stack, with a physical id of a leftover."""

    stack_id: str
    stack_name: str
    resource: str
    physical_resource_id: str


class Leftover(typing.NamedTuple):
    """A leftover stack; the fields are the keys in JSON.

    ``leftover`` is the reason code of its refusal. ``shared_with`` has the ids
    of the stacks that share its physical resources.
    """

    leftover: str
    id: str
    name: str
    project: str
    owner_id: str
    shared_with: tuple


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_all(context, project=None):
    """Read the leftover stacks, as a list of :class:`Leftover` by id."""
    gone = _select(project, conditions.owner_is_gone(_Stack.owner_id),
                   _has_legacy())
    unnamed = _select(project, conditions.is_unreferenced(_Stack))
    dangling = context.session.execute(gone).all()
    unreferenced = context.session.execute(unnamed).all()
    shared = _shared(context.session,
                     [row.id for row in dangling + unreferenced])

    def leftover(code, row):
        return Leftover(code, *row, tuple(sorted(
            {other.stack_id for other in shared[row.id]})))

    return sorted(
        [leftover(_dangling_code(shared[row.id]), row) for row in dangling] +
        [leftover(migrate_exception.UnreferencedNested.code, row)
         for row in unreferenced])


def _dangling_code(shared):
    return (migrate_exception.Adopted if shared
            else migrate_exception.DanglingStack).code


def _select(project, *where):
    statement = sqlalchemy.select(_Stack.id, _Stack.name, _Stack.tenant,
                                  _Stack.owner_id).where(
        _Stack.deleted_at.is_(None), *where)
    if project is not None:
        statement = statement.where(_Stack.tenant == project)
    return statement


def _has_legacy():
    """The stack, or one nested in it, is legacy."""
    member = orm.aliased(_Stack)
    tree = conditions.trees(conditions.owner_is_gone(_Stack.owner_id))
    return _Stack.id.in_(sqlalchemy.select(tree.c.root_id).join(
        member, member.id == tree.c.id).where(
            conditions.is_backup(member).is_(False),
            conditions.is_convergence(member).is_(False)))


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_shared(context, stack_id):
    """Read which other stacks share physical resources of a tree.

    :returns: a list of :class:`Shared`, by stack and resource
    """
    return _shared(context.session, [stack_id])[stack_id]


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_below(context, stack_id):
    """Read the ids of all stacks nested in a stack, at any depth."""
    tree = conditions.trees(_Stack.id == stack_id)
    return sorted(context.session.scalars(sqlalchemy.select(tree.c.id).where(
        tree.c.id != stack_id)))


def adopted(session, stack_ids):
    """The ids of the stacks that share physical resources with others.

    This reads in the transaction of the caller.
    """
    return {stack_id for stack_id, shared in _shared(
        session, stack_ids).items() if shared}


def _shared(session, roots):
    """Map the ids of leftover stacks to lists of :class:`Shared`."""
    members, physical = _things(session, roots)
    found = collections.defaultdict(list)
    for row in _holders(session, sorted(physical)):
        for root in physical[row.physical_resource_id]:
            if row.stack_id not in members[root]:
                found[root].append(Shared._make(row))
    return collections.defaultdict(list, {
        root: sorted(rows) for root, rows in found.items()})


def _things(session, roots):
    """The stacks and the physical resources below each of the stacks.

    :returns: {root: ids of stacks}, and {physical id: set of roots}
    """
    members = collections.defaultdict(set)
    physical = collections.defaultdict(set)
    for chunk in migrate_chunks.chunks(roots):
        tree = conditions.trees(_Stack.id.in_(chunk))
        for root, stack_id in session.execute(
                sqlalchemy.select(tree.c.root_id, tree.c.id)):
            members[root].add(stack_id)
        for root, physical_id in session.execute(
                sqlalchemy.select(tree.c.root_id,
                                  _Resource.physical_resource_id)
                .join(tree, _Resource.stack_id == tree.c.id)
                .where(_Resource.physical_resource_id.is_not(None),
                       _Resource.physical_resource_id != '')):
            physical[physical_id].add(root)
    return members, physical


def _holders(session, physical_ids):
    """Yield all rows with these physical ids in existing stacks."""
    for chunk in migrate_chunks.chunks(physical_ids, len):
        yield from session.execute(
            sqlalchemy.select(_Stack.id.label('stack_id'), _Stack.name,
                              _Resource.name, _Resource.physical_resource_id)
            .join(_Resource, _Resource.stack_id == _Stack.id)
            .where(_Stack.deleted_at.is_(None),
                   _Resource.physical_resource_id.in_(chunk)))
