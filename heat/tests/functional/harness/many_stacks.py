# SPDX-License-Identifier: Apache-2.0

"""Write many stacks as rows: to create them would take hours."""

import datetime
import uuid

import sqlalchemy

from heat.db import models

# Stacks a transaction.
_CHUNK = 500

_FIRST_DATE = datetime.datetime(2020, 1, 1)


def copy(engine, stack_id, count):
    """Copy a root stack with its resources, template and credentials.

    The copies were created a second apart from each other.

    :param engine: the SQLAlchemy engine of the database
    :param stack_id: the stack; what is nested below it is not copied
    :param count: how many copies to make
    :returns: the ids of the copies, oldest first
    """
    with engine.connect() as connection:
        source = _Source(connection, stack_id)
    ids = []
    for start in range(0, count, _CHUNK):
        with engine.begin() as connection:
            for number in range(start, min(count, start + _CHUNK)):
                ids.append(source.copy(connection, number))
    return ids


class _Source:
    """The rows of a stack, to be written again under other ids."""

    def __init__(self, connection, stack_id):
        self._stack = _read(connection, models.Stack.id == stack_id)[0]
        self._template = _read(
            connection,
            models.RawTemplate.id == self._stack['raw_template_id'])[0]
        self._creds = _read(
            connection,
            models.UserCreds.id == self._stack['user_creds_id'])
        self._resources = _read(
            connection, models.Resource.stack_id == stack_id)
        self._properties = {
            row['id']: row for row in _read(
                connection, models.ResourcePropertiesData.id.in_(
                    [resource['rsrc_prop_data_id']
                     for resource in self._resources]))}

    def copy(self, connection, number):
        stack_id = str(uuid.uuid4())
        creds_id = None
        if self._creds:
            creds_id = _write(connection, models.UserCreds, self._creds[0])
        date = _FIRST_DATE + datetime.timedelta(seconds=number)
        _write(connection, models.Stack, self._stack, id=stack_id,
               name='%s-%d' % (self._stack['name'], number),
               raw_template_id=_write(connection, models.RawTemplate,
                                      self._template),
               user_creds_id=creds_id, created_at=date, updated_at=None)
        for resource in self._resources:
            _write(connection, models.Resource, resource, stack_id=stack_id,
                   root_stack_id=stack_id, uuid=str(uuid.uuid4()),
                   rsrc_prop_data_id=self._copy_properties(
                       connection, resource['rsrc_prop_data_id']))
        return stack_id

    def _copy_properties(self, connection, properties_id):
        if properties_id is None:
            return None
        return _write(connection, models.ResourcePropertiesData,
                      self._properties[properties_id])


def _read(connection, condition):
    table = condition.left.table
    return [dict(row) for row in connection.execute(
        sqlalchemy.select(table).where(condition)).mappings()]


def _write(connection, model, row, **changes):
    """Write a copy of a row; returns its id, a new one if none is given."""
    values = dict(row, **changes)
    if 'id' not in changes:
        del values['id']
    return connection.execute(sqlalchemy.insert(model.__table__).values(
        values)).inserted_primary_key[0]
