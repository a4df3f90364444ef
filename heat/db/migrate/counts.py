# SPDX-License-Identifier: Apache-2.0

"""Count and find stacks by the engine that they use, in plain SQL.

Nothing here loads a stack, and nothing reads more rows into memory than it
returns. So it can be used on databases with tens of thousands of stacks.
"""

import collections
import datetime
import typing

import sqlalchemy
from sqlalchemy import orm

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db.migrate import chunks as migrate_chunks
from heat.db.migrate import conditions
from heat.db.migrate import leftovers as migrate_leftovers
from heat.db import models

#: States of a tree in :func:`tally`, beside the codes of MigrationRefused.
CONVERGENCE, READY = 'convergence', 'ready'

# The reasons in the order of heat.engine.migrate.plan.check; the first one
# that applies counts.
_REASONS = tuple(refused.code for refused in (
    migrate_exception.BackupResources, migrate_exception.InProgress,
    migrate_exception.UnreferencedNested, migrate_exception.NotComplete,
    migrate_exception.Locked))

#: Reasons not to convert a tree that :func:`tally` sees.
SEEN_IN_ROWS = frozenset(_REASONS + (migrate_exception.DanglingStack.code,
                                     migrate_exception.Adopted.code))

#: All of the states.
STATES = (CONVERGENCE, READY) + tuple(sorted(SEEN_IN_ROWS))

_Stack = models.Stack


class RootStack(typing.NamedTuple):
    """A stack as the commands name it; created_at and id are its key."""

    id: str
    name: str
    tenant: str
    created_at: datetime.datetime


# Of the table: the ORM would take as long again for a hundred thousand rows.
_ROOT_COLUMNS = [_Stack.__table__.c[field] for field in RootStack._fields]


class Tally(typing.NamedTuple):
    """How many stacks of a project are in trees of one state.

    ``state`` is CONVERGENCE, READY or the code of what a conversion would be
    refused with; ``roots`` counts root stacks, the others nested stacks.
    """

    project: str
    state: str
    roots: int
    nested_legacy: int
    nested_convergence: int


def _roots_of_mixed_trees(convergence):
    """Roots of the other kind, with stacks of this kind somewhere below.

    On the way up from such a stack there is a parent of the other kind, and
    few trees have one: it is enough to begin with those.
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
    """Conditions of the root stacks that are of one kind themselves.

    A legacy nested stack whose owner is gone counts as a root stack, because
    it is in the tree of no other stack.
    """
    return [_Stack.owner_id.is_(None) if convergence
            else conditions.is_root(_Stack.owner_id),
            conditions.is_convergence(_Stack).is_(convergence)]


def _mixed(convergence):
    """Conditions of the root stacks of the other kind, see above."""
    mixed = [_Stack.id.in_(_roots_of_mixed_trees(convergence))]
    if convergence:
        mixed.append(_Stack.owner_id.is_(None))
    return mixed


def _selected(project, event):
    """Conditions of all stacks that a command is to look at."""
    where = [_Stack.deleted_at.is_(None),
             conditions.is_backup(_Stack).is_(False)]
    if project is not None:
        where.append(_Stack.tenant == project)
    if event is not None:
        where.append(_has_event(*event))
    return where


def _has_event(action, status, reason):
    """The condition that a stack has an event whose reason begins so."""
    event = models.Event
    return sqlalchemy.exists().where(
        event.stack_id == _Stack.id, event.resource_action == action,
        event.resource_status == status,
        event._resource_status_reason.startswith(reason, autoescape=True))


@db_api.retry_on_db_error
@db_api.context_manager.reader
def count_roots(context, convergence=False, project=None, event=None):
    """Count the root stacks that have stacks of one kind in their tree.

    :param convergence: count the trees with convergence stacks in them, and
        not those with legacy ones
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

    The schema has no index for that order: each page goes through all
    stacks. The roots of mixed trees are not among them, see
    :func:`get_mixed_roots`.

    :param size: how many at most
    :param after: the last :class:`RootStack` of the page before
    :param convergence: as in :func:`count_roots`, and so are the others
    :returns: a list of :class:`RootStack`, empty after the last one
    """
    query = sqlalchemy.select(*_ROOT_COLUMNS).where(
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

    All at once, as this compares each nested stack with its parent, and few
    trees are mixed.

    :param convergence: as in :func:`count_roots`, and so are the others
    :returns: a list of :class:`RootStack`, oldest first
    """
    rows = context.session.execute(sqlalchemy.select(*_ROOT_COLUMNS).where(
        *_mixed(convergence), *_selected(project, event)))
    return sorted((RootStack._make(row) for row in rows), key=age)


def age(stack):
    """What orders RootStacks as the pages are ordered."""
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
    """Map those of the ids that are stacks to a :class:`RootStack` each.

    They need not be root stacks.
    """
    rows = {}
    for chunk in migrate_chunks.chunks(stack_ids):
        rows.update((row[0], RootStack._make(row))
                    for row in context.session.execute(
                        sqlalchemy.select(*_ROOT_COLUMNS).where(
                            _Stack.id.in_(chunk),
                            _Stack.deleted_at.is_(None))))
    return rows


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


def _facts_by_tree(project):
    """One row a tree: what decides whether it can be converted."""
    tree = _all_trees(project)
    resource = models.Resource
    backup, worked_on = orm.aliased(_Stack), orm.aliased(_Stack)
    # The legacy engine goes by no engine_id: see match() in
    # heat.engine.migrate.plan.
    held = sqlalchemy.and_(resource.engine_id.is_not(None), sqlalchemy.exists(
        ).where(worked_on.id == resource.stack_id,
                conditions.is_convergence(worked_on).is_(True)))
    busy = _distinct_stack_ids(resource, sqlalchemy.or_(
        resource.status == 'IN_PROGRESS', held))
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
    :returns: a list of :class:`RootStack`
    """
    dangling, adopted = (migrate_exception.DanglingStack.code,
                         migrate_exception.Adopted.code)
    facts = _facts_by_tree(project)
    rows = [RootStack._make(row) for row in context.session.execute(
        sqlalchemy.select(*_ROOT_COLUMNS)
        .join(facts, facts.c.root_id == _Stack.id)
        .where(_state(facts) == (dangling if state == adopted else state))
        .order_by(_Stack.created_at, _Stack.id))]
    if state not in (dangling, adopted):
        return rows
    shared = migrate_leftovers.adopted(context.session,
                                       [row.id for row in rows])
    return [row for row in rows if (row.id in shared) == (state == adopted)]


@db_api.retry_on_db_error
@db_api.context_manager.reader
def tally(context, project=None):
    """Count the stacks of each project by the state of their tree.

    What only the template or a plug-in can tell (an unknown resource type,
    say) is not seen here: ready means ready as far as the rows tell.

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

    Those are refused as failed, or for a backup stack that is in use.

    :returns: a list of :class:`RootStack`
    """
    facts = _facts_by_tree(project)
    rows = context.session.execute(
        sqlalchemy.select(*_ROOT_COLUMNS)
        .join(facts, facts.c.root_id == _Stack.id)
        .where(facts.c.legacy == 1, _Stack.owner_id.is_(None),
               sqlalchemy.or_(
                   facts.c.backup_resources == 1,
                   sqlalchemy.and_(facts.c.failed == 1,
                                   facts.c.in_progress == 0,
                                   facts.c.unreferenced_nested == 0))))
    return [RootStack._make(row) for row in rows]


def _with_adopted(session, facts, tallies):
    """Tell the dangling stacks whose resources another stack has apart."""
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
