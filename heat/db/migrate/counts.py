# SPDX-License-Identifier: Apache-2.0

"""Count stacks by the state of their trees, in plain SQL.

Nothing here loads a stack, and nothing reads more rows into memory than it
returns. So it can be used on databases with tens of thousands of stacks.
"""

import collections
import typing

import sqlalchemy
from sqlalchemy import orm

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db.migrate import conditions
from heat.db.migrate import leftovers as migrate_leftovers
from heat.db.migrate import roots as migrate_roots
from heat.db import models

#: States of a tree in :func:`tally`, beside the codes of MigrationRefused.
CONVERGENCE, READY = 'convergence', 'ready'

# The reasons in the order of heat.engine.migrate.check; the first one that
# applies counts.
_REASONS = tuple(refused.code for refused in (
    migrate_exception.BackupResources, migrate_exception.InProgress,
    migrate_exception.UnreferencedNested, migrate_exception.NotComplete,
    migrate_exception.Locked))

#: Codes of the reasons that :func:`tally` finds.
SEEN_IN_ROWS = frozenset(_REASONS + (migrate_exception.DanglingStack.code,
                                     migrate_exception.Adopted.code))

#: States of the trees that :func:`get_failed` reads.
NOT_COMPLETE = frozenset((migrate_exception.BackupResources.code,
                          migrate_exception.NotComplete.code))

#: All of the states.
STATES = (CONVERGENCE, READY) + tuple(sorted(SEEN_IN_ROWS))

_Stack = models.Stack


class Tally(typing.NamedTuple):
    """How many stacks of a project are in trees of one state.

    ``state`` is CONVERGENCE, READY or the reason code of a refusal. ``roots``
    counts root stacks, the other fields count nested stacks.
    """

    project: str
    state: str
    roots: int
    nested_legacy: int
    nested_convergence: int


def _all_trees(project):
    """(root_id, id) of all stacks that are not deleted.

    A nested stack whose owner is gone is the root of the stacks below it, so
    that every stack is counted.
    """
    where = [conditions.is_root(_Stack.owner_id)]
    if project is not None:
        where.append(_Stack.tenant == project)
    return conditions.trees(*where)


@db_api.retry_on_db_error
@db_api.context_manager.reader
def count_nested(context, root_id):
    """Count the legacy and the convergence stacks nested in a root stack."""
    ids = sqlalchemy.select(conditions.trees(_Stack.id == root_id).c.id)
    row = context.session.execute(sqlalchemy.select(
        _number(conditions.is_convergence(_Stack).is_(False)),
        _number(conditions.is_convergence(_Stack).is_(True))).where(
            _Stack.id.in_(ids), _Stack.id != root_id,
            conditions.is_backup(_Stack).is_(False))).one()
    return tuple(int(count or 0) for count in row)


def _any(condition):
    return sqlalchemy.func.max(sqlalchemy.case((condition, 1), else_=0))


def _number(condition):
    return sqlalchemy.func.sum(sqlalchemy.case((condition, 1), else_=0))


def _distinct_stack_ids(model, *conditions):
    return sqlalchemy.select(model.stack_id).where(
        *conditions).distinct().subquery()


def _busy_stacks():
    """The ids of the stacks with a resource that an engine works on."""
    resource, stack = models.Resource, orm.aliased(_Stack)
    # The legacy engine ignores engine_id: see match() in
    # heat.engine.migrate.planning.
    held = sqlalchemy.and_(resource.engine_id.is_not(None), sqlalchemy.exists(
        ).where(stack.id == resource.stack_id,
                conditions.is_convergence(stack).is_(True)))
    return _distinct_stack_ids(resource, sqlalchemy.or_(
        resource.status == 'IN_PROGRESS', held))


def _facts_by_tree(project):
    """One row for each tree, with the facts that decide its conversion."""
    tree, busy = _all_trees(project), _busy_stacks()
    resource, backup = models.Resource, orm.aliased(_Stack)
    kept = _distinct_stack_ids(
        resource, backup.id == resource.stack_id, backup.backup.is_(True),
        backup.deleted_at.is_(None))
    nested = sqlalchemy.and_(_Stack.owner_id.is_not(None),
                             conditions.is_backup(_Stack).is_(False))
    own = conditions.is_backup(_Stack).is_(False)
    convergence = conditions.is_convergence(_Stack)
    legacy = sqlalchemy.and_(own, convergence.is_(False))
    in_progress = sqlalchemy.or_(_Stack.status == 'IN_PROGRESS',
                                 busy.c.stack_id.is_not(None))
    return sqlalchemy.select(
        tree.c.root_id,
        _any(legacy).label('legacy'),
        _any(kept.c.stack_id.is_not(None)).label('backup_resources'),
        _any(sqlalchemy.and_(own, in_progress)).label('in_progress'),
        _any(conditions.is_unreferenced(_Stack)).label('unreferenced_nested'),
        _any(sqlalchemy.and_(own, ~conditions.is_sane(_Stack))
             ).label('failed'),
        _any(models.StackLock.stack_id.is_not(None)).label('locked'),
        _number(sqlalchemy.and_(nested, convergence.is_(False))
                ).label('nested_legacy'),
        _number(sqlalchemy.and_(nested, convergence.is_(True))
                ).label('nested_convergence'),
    ).join(_Stack, _Stack.id == tree.c.id).outerjoin(
        models.StackLock, models.StackLock.stack_id == tree.c.id).outerjoin(
            busy, busy.c.stack_id == tree.c.id).outerjoin(
                kept, kept.c.stack_id == tree.c.id).group_by(
                    tree.c.root_id).subquery()


def _state(facts):
    """The state of a tree, for :func:`_facts_by_tree` joined to its root."""
    reasons = [(facts.c[code] == 1, code) for code in _REASONS]
    return sqlalchemy.case(
        (facts.c.legacy == 0, CONVERGENCE),
        (_Stack.owner_id.is_not(None), migrate_exception.DanglingStack.code),
        *reasons, else_=READY)


@db_api.retry_on_db_error
@db_api.context_manager.reader
def list_state(context, state, project=None):
    """Read the roots of the trees in one state, oldest first.

    :param state: one of STATES; as :func:`tally` sees it
    :returns: a list of :class:`migrate_roots.RootStack`
    """
    dangling, adopted = (migrate_exception.DanglingStack.code,
                         migrate_exception.Adopted.code)
    facts = _facts_by_tree(project)
    rows = context.session.execute(
        sqlalchemy.select(*migrate_roots.COLUMNS)
        .join(facts, facts.c.root_id == _Stack.id)
        .where(_state(facts) == (dangling if state == adopted else state))
        .order_by(_Stack.created_at, _Stack.id))
    found = [migrate_roots.RootStack._make(row) for row in rows]
    if state not in (dangling, adopted):
        return found
    shared = migrate_leftovers.adopted(context.session,
                                       [row.id for row in found])
    return [row for row in found if (row.id in shared) == (state == adopted)]


@db_api.retry_on_db_error
@db_api.context_manager.reader
def tally(context, project=None):
    """Count the stacks of each project by the state of their tree.

    This reads only rows. A reason in a template or a plug-in, such as an
    unknown resource type, is not found. So a ready tree may still be refused.

    :returns: a list of :class:`Tally`, by project and state
    """
    facts = _facts_by_tree(project)
    state = _state(facts).label('state')
    rows = context.session.execute(
        sqlalchemy.select(
            _Stack.tenant, state, _number(_Stack.owner_id.is_(None)),
            sqlalchemy.func.sum(facts.c.nested_legacy),
            sqlalchemy.func.sum(facts.c.nested_convergence))
        .join(facts, facts.c.root_id == _Stack.id)
        .group_by(_Stack.tenant, state).order_by(_Stack.tenant, state))
    found = [Tally(row[0], row[1], *(int(count) for count in row[2:]))
             for row in rows]
    if any(one.state == migrate_exception.DanglingStack.code
           for one in found):
        return _with_adopted(context.session, facts, found)
    return found


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_failed(context, project=None):
    """Read the root stacks that :func:`tally` counts as not COMPLETE.

    Their reason code is failed, or that of a backup stack in use.

    :returns: a list of :class:`migrate_roots.RootStack`
    """
    facts = _facts_by_tree(project)
    rows = context.session.execute(
        sqlalchemy.select(*migrate_roots.COLUMNS)
        .join(facts, facts.c.root_id == _Stack.id)
        .where(facts.c.legacy == 1, _Stack.owner_id.is_(None),
               sqlalchemy.or_(
                   facts.c.backup_resources == 1,
                   sqlalchemy.and_(facts.c.failed == 1,
                                   facts.c.in_progress == 0,
                                   facts.c.unreferenced_nested == 0))))
    return [migrate_roots.RootStack._make(row) for row in rows]


def _with_adopted(session, facts, tallies):
    """Mark the dangling stacks whose resources another stack has."""
    code = migrate_exception.DanglingStack.code
    rows = session.execute(
        sqlalchemy.select(_Stack.id, _Stack.tenant, facts.c.nested_legacy,
                          facts.c.nested_convergence)
        .join(facts, facts.c.root_id == _Stack.id)
        .where(facts.c.legacy == 1, _Stack.owner_id.is_not(None))).all()
    adopted = migrate_leftovers.adopted(session, [row.id for row in rows])
    counts = collections.defaultdict(lambda: [0, 0])
    for stack_id, project, legacy, convergence in rows:
        state = (migrate_exception.Adopted.code if stack_id in adopted
                 else code)
        counts[project, state][0] += int(legacy)
        counts[project, state][1] += int(convergence)
    return sorted(
        [one for one in tallies if one.state != code] + [
            Tally(*key, 0, *numbers) for key, numbers in counts.items()],
        key=lambda one: (one.project or '', one.state))
