# SPDX-License-Identifier: Apache-2.0

"""Copy trees of stacks as rows: engines would take hours to make so many."""

import json
import re
import uuid

import sqlalchemy

from heat.common import short_id
from heat.db import models
from heat.tests import releases

_STACK, _RESOURCE, _SNAPSHOT, _TEMPLATE = (
    model.__table__ for model in (
        models.Stack, models.Resource, models.Snapshot, models.RawTemplate))
_PHYSICAL_ID = models.Resource.physical_resource_id.expression


class Source:
    """The rows of a legacy tree, to be written again under other ids.

    Events, tags and deleted stacks are left out. Nothing that is encrypted may
    name an id.

    :param engine: the SQLAlchemy engine of the database
    :param stack_id: the root stack
    :param new_id: gives a new physical id for one of the tree, or None to keep
        it
    :ivar name: of the root stack
    """

    def __init__(self, engine, stack_id, new_id):
        self._engine, self._new_id = engine, new_id
        with engine.connect() as connection:
            self._read(connection, stack_id)

    def _read(self, connection, stack_id):
        def rows(column, values):
            return [dict(row) for row in connection.execute(
                sqlalchemy.select(column.table).where(column.in_(values))
                .order_by(*column.table.primary_key)).mappings()]

        def used(table, *names):
            return rows(table.c.id, {
                row[name] for found in self._rows.values() for row in found
                for name in names if row.get(name) is not None})

        def of(owners, column):
            return rows(column, [row['id'] for row in owners])

        stacks = level = rows(_STACK.c.id, [stack_id])
        while level:
            level = [row for row in of(level, _STACK.c.owner_id)
                     if row['deleted_at'] is None]
            stacks = stacks + level
        self._root = stacks[0]
        self.name = self._root['name']
        resources = of(stacks, _RESOURCE.c.stack_id)
        snapshots = of(stacks, _SNAPSHOT.c.stack_id)
        self._rows = {
            _STACK: stacks, _RESOURCE: resources, _SNAPSHOT: snapshots,
            models.ResourceData.__table__: of(
                resources, models.ResourceData.__table__.c.resource_id)}
        if releases.RESOURCE_SNAPSHOTS:
            self._rows[models.ResourceSnapshot.__table__] = of(
                snapshots, models.ResourceSnapshot.__table__.c.snapshot_id)
        self._rows[_TEMPLATE] = used(
            _TEMPLATE, 'raw_template_id', 'prev_raw_template_id',
            'current_template_id')
        self._rows[models.RawTemplateFiles.__table__] = used(
            models.RawTemplateFiles.__table__, 'files_id')
        self._rows[models.UserCreds.__table__] = used(
            models.UserCreds.__table__, 'user_creds_id')
        self._rows[models.ResourcePropertiesData.__table__] = used(
            models.ResourcePropertiesData.__table__, 'rsrc_prop_data_id',
            'attr_data_id')

    def copy(self):
        """Write a copy.

        :returns: its identity, and {old physical id: new one}
        """
        with self._engine.begin() as connection:
            return self.write(connection, 'copy-' + uuid.uuid4().hex)

    def write(self, connection, name, **values):
        """Write a copy in a transaction of the caller.

        :param name: of the copy
        :param values: further columns of the row of the root stack
        :returns: see :meth:`copy`
        """
        things = {row[_PHYSICAL_ID.name]: self._new_id(row[_PHYSICAL_ID.name])
                  for row in self._rows[_RESOURCE] if row[_PHYSICAL_ID.name]}
        things = {old: new for old, new in things.items() if new}
        texts = dict(things, **{
            row[key]: str(uuid.uuid4()) for rows in self._rows.values()
            for row in rows for key in ('id', 'uuid')
            if isinstance(row.get(key), str)})
        self._write(connection, texts, dict(values, name=name))
        return {'stack_id': texts[self._root['id']], 'stack_name': name,
                'tenant': self._root['tenant'], 'path': ''}, things

    def _write(self, connection, texts, of_root):
        pattern = re.compile('|'.join(map(re.escape, texts)))
        # Heat finds a nested stack by its name, which begins with that of the
        # root and ends with the uuid of the resource, in a short form.
        new_names = dict({self.name: of_root['name']}, **{
            short_id.get_id(row['uuid']): short_id.get_id(texts[row['uuid']])
            for row in self._rows[_RESOURCE]})
        names = re.compile('|'.join(map(re.escape, new_names)))
        ids = {}

        def renamed(value):
            if isinstance(value, str):
                return pattern.sub(lambda found: texts[found[0]], value)
            if isinstance(value, (dict, list)):
                return json.loads(renamed(json.dumps(value)))
            return value

        # What others name comes first.
        for table in models.BASE.metadata.sorted_tables:
            named = {column.name: key.column.table for column in table.c
                     for key in column.foreign_keys}
            for row in self._rows.get(table, ()):
                values = {key: renamed(value) for key, value in row.items()}
                if table is _STACK:
                    values['name'] = names.sub(
                        lambda found: new_names[found[0]], row['name'])
                if row is self._root:
                    values.update(of_root)
                for key, other in named.items():
                    values[key] = ids.get((other, row[key]), values[key])
                if isinstance(row['id'], int):
                    del values['id']
                written = connection.execute(table.insert().values(values))
                ids[table, row['id']] = written.inserted_primary_key[0]
