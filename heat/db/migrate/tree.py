# SPDX-License-Identifier: Apache-2.0

"""Read stacks, with all stacks nested below them, as rows."""

import collections
import operator

import sqlalchemy

from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db.migrate import chunks as migrate_chunks
from heat.db.migrate import conditions
from heat.db.migrate import rows as migrate_rows
from heat.db import models
from heat import overlay


def _columns(model):
    """The columns of a model's table, by the names of its attributes.

    Columns that are selected without their model come as plain tuples, without
    work of the ORM.
    """
    return sqlalchemy.inspect(model).columns


_stack = _columns(models.Stack)
_template = _columns(models.RawTemplate)
_lock = _columns(models.StackLock)
_id = operator.attrgetter('id')


def _as_text(column):
    return sqlalchemy.type_coerce(column, sqlalchemy.Text)


# Statements are built once. To build one takes several times as long as to
# execute it for a small stack. Only the first one is recursive: databases
# guess that a recursion finds very many stacks, and then go through all rows
# of the tables that it is joined with.
_IDS = sqlalchemy.select(conditions.trees(_stack.id.in_(
    sqlalchemy.bindparam('root_ids', expanding=True))).c.id)


def of_stacks(column):
    """The condition of a statement for :func:`rows_of`."""
    return column.in_(sqlalchemy.bindparam('stack_ids', expanding=True))


def _select_stacks():
    of_template = {
        'template': _as_text(_template.template),
        'environment': _as_text(_template.environment),
        'files': _as_text(_template.files),
        'files_id': _template.files_id,
        'has_snapshots': sqlalchemy.exists().where(
            _columns(models.Snapshot).stack_id == _stack.id),
    }
    columns = [of_template[field] if field in of_template
               else _stack[field] for field in migrate_rows.StackRow._fields]
    # The holder of the stack lock is no part of the row, so it comes last.
    return sqlalchemy.select(*columns, _lock.engine_id).select_from(
        models.Stack.__table__).outerjoin(
            models.RawTemplate.__table__,
            _template.id == _stack.raw_template_id).outerjoin(
                models.StackLock.__table__, _lock.stack_id == _stack.id
            ).where(of_stacks(_stack.id), _stack.deleted_at.is_(None))


def _select_below(model, kind, **computed):
    columns = _columns(model)
    return sqlalchemy.select(*[
        computed[field] if field in computed else columns[field]
        for field in kind._fields]).where(of_stacks(columns.stack_id))


def _select_snapshots():
    snapshot = _columns(models.Snapshot)
    computed = {
        # A JSON column may hold NULL or the JSON text null.
        'has_data': sqlalchemy.func.coalesce(
            _as_text(snapshot.data), 'null') != 'null'}
    if overlay.release().converged_actions:
        computed['has_rows'] = sqlalchemy.exists().where(_columns(
            models.ResourceSnapshot).snapshot_id == snapshot.id)
    else:
        computed['has_rows'] = sqlalchemy.false()
        computed['action'] = sqlalchemy.null()
    return _select_below(models.Snapshot, migrate_rows.SnapshotRow,
                         **computed)


_STACKS = _select_stacks()
_RESOURCES = _select_below(models.Resource, migrate_rows.ResourceRow)
_SNAPSHOTS = _select_snapshots()
_CURRENT_DEPS = sqlalchemy.select(
    _stack.id, _as_text(_stack.current_deps)).where(of_stacks(_stack.id))
_REQUIRES = sqlalchemy.select(
    _columns(models.Resource).id,
    _as_text(_columns(models.Resource).requires)).where(
        of_stacks(_columns(models.Resource).stack_id))


def rows_of(session, statement, stack_ids):
    """Yield the rows of a statement for some stacks, however many."""
    for chunk in migrate_chunks.chunks(stack_ids):
        yield from session.execute(statement, {'stack_ids': chunk}).all()


def _children(rows):
    """Map the id of each stack that has nested ones to their rows."""
    children = collections.defaultdict(list)
    for row in sorted(rows, key=_id):
        children[row.owner_id].append(row)
    return children


def _parents_first(root, children):
    ordered = [root]
    for row in ordered:
        ordered.extend(child for child in children.get(row.id, ())
                       if child.id != root.id)
    return tuple(ordered)


def _read_stacks(session, root_ids, ids=None):
    """Read the stack rows of trees, and {id: engine id} of locked stacks."""
    if ids is None:
        ids = session.execute(_IDS, {'root_ids': root_ids}).scalars().all()
    found = list(rows_of(session, _STACKS, ids))
    return (tuple(migrate_rows.StackRow._make(row[:-1]) for row in found),
            {row[0]: row[-1] for row in found if row[-1] is not None})


def read_many(session, root_ids, ids=None):
    """Read the trees of some root stacks within the caller's transaction.

    It takes three statements for a chunk of stacks, and a fourth one if there
    are snapshots. No tree may be a part of another one.

    :param root_ids: a list of not too many ids
    :param ids: those of all their stacks, if they have just been read
    :returns: {root id: :class:`heat.db.migrate.rows.Tree`}, without ids that
        are no stack, and {stack id: engine id} of the locked stacks
    """
    stacks, locks = _read_stacks(session, root_ids, ids)
    if not stacks:
        return {}, {}
    children = _children(stacks)
    wanted = set(root_ids)
    trees = {row.id: _parents_first(row, children) for row in stacks
             if row.id in wanted}
    root_of = {row.id: root_id for root_id, rows in trees.items()
               for row in rows}

    def by_root(statement, kind):
        found = collections.defaultdict(list)
        for row in map(kind._make, rows_of(session, statement, root_of)):
            found[root_of[row.stack_id]].append(row)
        return {root_id: tuple(sorted(rows, key=_id))
                for root_id, rows in found.items()}

    resources = by_root(_RESOURCES, migrate_rows.ResourceRow)
    snapshots = {}
    if any(row.has_snapshots for row in stacks):
        snapshots = by_root(_SNAPSHOTS, migrate_rows.SnapshotRow)
    return {root_id: migrate_rows.Tree(rows, resources.get(root_id, ()),
                                       snapshots.get(root_id, ()))
            for root_id, rows in trees.items()}, locks


def read(session, root_id):
    """Read the tree of a root stack within the caller's transaction.

    :returns: a :class:`heat.db.migrate.rows.Tree`, or None when there is no
        such stack
    """
    return read_many(session, [root_id])[0].get(root_id)


@db_api.retry_on_db_error
def get_with_locks(context, root_id):
    """Read the tree of a root stack, and its locks, in an own transaction.

    This uses no session of the context: it would commit after a read, and make
    an object of each row.

    :returns: a :class:`heat.db.migrate.rows.Tree`, None when there is no such
        stack; and {stack id: engine id} of its locked stacks
    """
    with db_api.get_engine().connect() as connection:
        trees, locks = read_many(connection, [root_id])
    return trees.get(root_id), locks


def get(context, root_id):
    """Read the tree of a root stack in an own transaction."""
    return get_with_locks(context, root_id)[0]


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


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_nested_ids(context, ids):
    """Find which ids are those of nested stacks, also of deleted ones."""
    found = set()
    for chunk in migrate_chunks.chunks(ids):
        found.update(context.session.scalars(sqlalchemy.select(
            _stack.id).where(_stack.id.in_(chunk),
                             _stack.owner_id.is_not(None))))
    return found


# How often a tree is read if operations keep changing it.
_READINGS = 3


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_with_graph(context, root_id):
    """Read a tree and its graph as they were at one moment.

    On PostgreSQL each statement of a transaction sees what is committed when
    it begins. If an operation began in between, a stack row has changed.

    :returns: a Tree and a StoredGraph of heat.db.migrate.rows, or None when
        there is no such stack
    :raises TreeChanged: when operations change the tree at each read
    """
    session = context.session
    for _reading in range(_READINGS):
        tree = read(session, root_id)
        if tree is None:
            return None
        graph = _read_graph(session, [row.id for row in tree.stacks])
        stacks, _locks = _read_stacks(session, [root_id])
        if frozenset(tree.stacks) == frozenset(stacks):
            return tree, graph
    raise migrate_exception.TreeChanged(stack=root_id)


def _read_graph(session, stack_ids):
    return migrate_rows.StoredGraph(*(
        dict(map(tuple, rows_of(session, statement, stack_ids)))
        for statement in (_CURRENT_DEPS, _REQUIRES)))


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_locks(context, stack_ids):
    """Map the ids of locked stacks to the ids of the locking engines."""
    locks = {}
    for chunk in migrate_chunks.chunks(stack_ids):
        locks.update(map(tuple, context.session.execute(
            sqlalchemy.select(_lock.stack_id, _lock.engine_id)
            .where(_lock.stack_id.in_(chunk)))))
    return locks
