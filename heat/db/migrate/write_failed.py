# SPDX-License-Identifier: Apache-2.0

"""Write the additional values of stacks that are not COMPLETE.

This is a part of the transaction of heat.db.migrate.write, after the values
that every conversion writes.
"""

import sqlalchemy

from heat.db import models

_resource = models.Resource.__table__
_template = models.RawTemplate.__table__


def write(session, stacks):
    """Write templates, rows of backup stacks and states.

    :param stacks: each a heat.engine.migrate.failed_stack.FailedStack
    """
    _restore_templates(session, stacks)
    _write_resources(session, stacks, {
        stack.id: _copy(session, stack.copied_template_id)
        for stack in stacks if _needs_copy(stack)})


def _needs_copy(stack):
    return any(row.current_template_id == stack.copied_template_id
               for row in stack.resources)


def _restore_templates(session, stacks):
    stack = models.Stack.__table__
    restored = [{'of_id': planned.id, 'new_id': planned.current_template_id}
                for planned in stacks if planned.restored]
    if restored:
        # As in Heat, the time of the last update does not change.
        session.execute(sqlalchemy.update(stack).where(
            stack.c.id == sqlalchemy.bindparam('of_id')).values(
                raw_template_id=sqlalchemy.bindparam('new_id'),
                updated_at=stack.c.updated_at), restored)


def _copy(session, template_id):
    """Copy a raw template as it is stored, encrypted parameters included.

    The values stay in the database: the error of a statement would quote
    them.

    :returns: the id of the copy, which shares the files
    """
    columns = [column for column in _template.c if column.name != 'id']
    copy = sqlalchemy.insert(_template).from_select(
        columns, sqlalchemy.select(*columns).where(
            _template.c.id == template_id))
    # A session with a deadline has no bind of its own.
    if session.connection().dialect.name == 'postgresql':
        return session.execute(copy.returning(_template.c.id)).scalar_one()
    return session.execute(copy).lastrowid


def _write_resources(session, stacks, copies):
    rows = [(stack, row) for stack in stacks for row in stack.resources]
    if not rows:
        return
    session.execute(_update_by_id(
        'stack_id', 'current_template_id', 'replaces', 'replaced_by',
        'status'), [{
            'of_id': row.id, 'new_stack_id': stack.id,
            'new_current_template_id': (
                copies[stack.id]
                if row.current_template_id == stack.copied_template_id
                else row.current_template_id),
            'new_replaces': row.replaces, 'new_replaced_by': row.replaced_by,
            'new_status': row.status} for stack, row in rows])
    with_reason = [{'of_id': row.id, 'new_status_reason': row.status_reason}
                   for _stack, row in rows if row.status_reason is not None]
    if with_reason:
        session.execute(_update_by_id('status_reason'), with_reason)


def _update_by_id(*columns):
    """An UPDATE of resource rows, to be executed for many at once."""
    return sqlalchemy.update(_resource).where(
        _resource.c.id == sqlalchemy.bindparam('of_id')).values({
            column: sqlalchemy.bindparam('new_' + column)
            for column in columns})
