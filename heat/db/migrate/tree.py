# SPDX-License-Identifier: Apache-2.0

"""Read a stack with everything nested below it, as rows.

The rows are values: if a tree has not changed, reading it twice gives equal
values. Templates stay text here, so a damaged template is an error only when
it is parsed, not when it is read.
"""

import typing

import sqlalchemy
from sqlalchemy import orm

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db.migrate import chunks as migrate_chunks
from heat.db import models
from heat import overlay


class StackRow(typing.NamedTuple):
    """One stack, with the raw template that it uses as text."""

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


class State(typing.NamedTuple):
    """The values of a stack that the update hook reads before it loads it."""

    id: str
    name: str
    tenant: str
    owner_id: str
    action: str
    created_at: object
    legacy: int


def _columns(model):
    """The columns of a model's table, by the names of its attributes.

    Selected without the model around them, rows come as plain tuples and
    the ORM has nothing to do.
    """
    return sqlalchemy.inspect(model).columns


_stack = _columns(models.Stack)
_template = _columns(models.RawTemplate)
_lock = _columns(models.StackLock)


def _ids_below(stack_id):
    """Ids of a stack and of every stack below it that is not deleted.

    A recursive common table expression; UNION (and not UNION ALL) ends it
    even where damaged rows own each other.
    """
    child = models.Stack.__table__.alias()
    tree = sqlalchemy.select(_stack.id).where(
        _stack.id == stack_id,
        _stack.deleted_at.is_(None)).cte('tree', recursive=True)
    return tree.union(sqlalchemy.select(child.c.id).where(
        child.c.owner_id == tree.c.id, child.c.deleted_at.is_(None)))


def _as_text(column):
    return sqlalchemy.type_coerce(column, sqlalchemy.Text)


# Statements are built once: that takes several times as long as it takes the
# database to answer them for a small stack.
_ROOT_ID = sqlalchemy.bindparam('root_id')
_TREE = _ids_below(_ROOT_ID)


def _select_stacks():
    of_template = {
        'template': _as_text(_template.template),
        'environment': _as_text(_template.environment),
        'files': _as_text(_template.files),
        'files_id': _template.files_id,
    }
    columns = [of_template[field] if field in of_template
               else _stack[field] for field in StackRow._fields]
    return sqlalchemy.select(*columns).join_from(
        models.Stack.__table__, _TREE, _stack.id == _TREE.c.id).outerjoin(
            models.RawTemplate.__table__,
            _template.id == _stack.raw_template_id)


def _select_below(model, kind, **computed):
    columns = _columns(model)
    return sqlalchemy.select(*[
        computed[field] if field in computed else columns[field]
        for field in kind._fields]).join_from(
            model.__table__, _TREE, columns.stack_id == _TREE.c.id
        ).order_by(columns.id)


def _select_snapshots():
    snapshot = _columns(models.Snapshot)
    computed = {
        # A JSON column may hold NULL or the JSON text of it.
        'has_data': sqlalchemy.func.coalesce(
            _as_text(snapshot.data), 'null') != 'null'}
    if overlay.release().converged_actions:
        computed['has_rows'] = sqlalchemy.exists().where(_columns(
            models.ResourceSnapshot).snapshot_id == snapshot.id)
    else:
        computed['has_rows'] = sqlalchemy.false()
        computed['action'] = sqlalchemy.null()
    return _select_below(models.Snapshot, SnapshotRow, **computed)


def _select_state():
    member = models.Stack.__table__.alias()
    legacy = sqlalchemy.select(sqlalchemy.func.count()).select_from(
        member).join(_TREE, member.c.id == _TREE.c.id).where(
            sqlalchemy.func.coalesce(member.c.convergence, False).is_(False),
            sqlalchemy.func.coalesce(member.c.backup, False).is_(False))
    return sqlalchemy.select(
        *[_stack[field] for field in State._fields[:-1]],
        legacy.scalar_subquery()
    ).where(_stack.id == _ROOT_ID, _stack.deleted_at.is_(None))


_STACKS = _select_stacks()
_RESOURCES = _select_below(models.Resource, ResourceRow)
_SNAPSHOTS = _select_snapshots()
_STATE = _select_state()


def _parents_first(rows, root_id):
    children = {}
    for row in sorted(rows, key=lambda row: row.id):
        children.setdefault(row.owner_id, []).append(row)
    ordered = [row for row in rows if row.id == root_id]
    for row in ordered:
        ordered.extend(child for child in children.get(row.id, ())
                       if child.id != root_id)
    return tuple(ordered)


def read(session, root_id):
    """Read the tree of a root stack within the caller's transaction.

    Three statements, however large the tree is.

    :returns: a :class:`Tree`, or None when there is no such stack.
    """
    def execute(statement, kind):
        return tuple(map(kind._make, session.execute(
            statement, {'root_id': root_id})))

    stacks = execute(_STACKS, StackRow)
    if not stacks:
        return None
    return Tree(_parents_first(stacks, root_id),
                execute(_RESOURCES, ResourceRow),
                execute(_SNAPSHOTS, SnapshotRow))


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get(context, root_id):
    """Read the tree of a root stack in a transaction of its own."""
    return read(context.session, root_id)


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_templates(context, template_ids):
    """Map raw template ids to the fields of a StackRow for a template."""
    fields = ('template', 'environment', 'files')
    rows = context.session.execute(sqlalchemy.select(
        _template.id, _template.files_id,
        *[_as_text(_template[field]).label(field) for field in fields]
    ).where(_template.id.in_(template_ids)))
    return {row.id: dict(row._mapping) for row in rows}


class StoredGraph(typing.NamedTuple):
    """The dependency graph of a tree as the database holds it, as text.

    ``current_deps`` by stack id, ``requires`` by resource id.
    """

    current_deps: dict
    requires: dict


# How often a tree is read if operations change it meanwhile.
_READINGS = 3


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_with_graph(context, root_id):
    """Read a tree and its graph as they were at one moment.

    On PostgreSQL each statement of a transaction sees what is committed when
    it begins. If an operation began in between, a stack row has changed.

    :returns: a :class:`Tree` and a :class:`StoredGraph`, or None when there
        is no such stack
    :raises TreeChanged: when operations come one after the other
    """
    session = context.session
    for _reading in range(_READINGS):
        tree = read(session, root_id)
        if tree is None:
            return None
        graph = _read_graph(session, root_id)
        stacks = session.execute(_STACKS, {'root_id': root_id})
        if frozenset(tree.stacks) == frozenset(map(StackRow._make, stacks)):
            return tree, graph
    raise migrate_exception.TreeChanged(stack=root_id)


def _read_graph(session, root_id):
    tree = _ids_below(root_id)
    stacks = session.execute(
        sqlalchemy.select(models.Stack.id,
                          _as_text(models.Stack.current_deps))
        .join(tree, models.Stack.id == tree.c.id))
    resources = session.execute(
        sqlalchemy.select(models.Resource.id,
                          _as_text(models.Resource.requires))
        .join(tree, models.Resource.stack_id == tree.c.id))
    return StoredGraph(dict(map(tuple, stacks)), dict(map(tuple, resources)))


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_locks(context, stack_ids):
    """Map the ids of those stacks that are locked to the locking engine."""
    locks = {}
    for chunk in migrate_chunks.chunks(stack_ids):
        locks.update(map(tuple, context.session.execute(
            sqlalchemy.select(_lock.stack_id, _lock.engine_id)
            .where(_lock.stack_id.in_(chunk)))))
    return locks


@db_api.retry_on_db_error
def get_state(context, stack_id):
    """Read in one statement what decides whether an update converts.

    Every update of every stack reads this. It uses no session of the context,
    because making one takes as long as the statement.

    :returns: a :class:`State` whose ``legacy`` is the number of legacy
        stacks in its tree, or None when there is no such stack.
    """
    with db_api.get_engine().connect() as connection:
        row = connection.execute(_STATE, {'root_id': stack_id}).first()
    return State._make(row) if row else None


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_convergence_name(context, stack_id):
    """Name a stack that is convergence at this moment; None for any other."""
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
