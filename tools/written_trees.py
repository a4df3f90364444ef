# SPDX-License-Identifier: Apache-2.0

"""Legacy stacks of any size, written to the database as rows.

The legacy engine of today cannot create large stacks itself ("Maximum number
of threads reached"), so the rows are written directly, in the same form.
"""

import dataclasses
import uuid

from oslo_utils import timeutils
import sqlalchemy

from heat.db import models

TENANT = 'written'
CREATED = timeutils.parse_isotime('2020-01-01T00:00:00Z').replace(tzinfo=None)


@dataclasses.dataclass
class Node:
    """A stack to write: its resources and its nested stacks.

    :ivar nested: {resource name: Node}; each name is also in the resources
    """

    resources: dict
    nested: dict = dataclasses.field(default_factory=dict)
    id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))

    def walk(self):
        """Yield this stack and all below it, parents first."""
        yield self
        for node in self.nested.values():
            yield from node.walk()

    @property
    def name(self):
        """The name of the stack when it is a root."""
        return 'written-%s' % self.id

    @property
    def size(self):
        """How many resources it has, with those of its nested stacks."""
        return sum(len(node.resources) for node in self.walk())

    @property
    def template(self):
        return {'heat_template_version': '2018-08-31',
                'parameters': {'number': {'type': 'number', 'default': 0}},
                'resources': self.resources}


class Writer:
    """Writes trees of stacks, and makes them legacy again.

    :param engine: the SQLAlchemy engine of a database with Heat's schema
    :param creds_id: id of the stored credentials of all stacks
    """

    def __init__(self, engine, creds_id):
        self._engine = engine
        self._common = {
            'username': TENANT, 'tenant': TENANT, 'timeout': 60,
            'user_creds_id': creds_id, 'action': 'CREATE',
            'status': 'COMPLETE', 'status_reason': 'Stack CREATE completed',
            'disable_rollback': True, 'backup': False, 'convergence': False,
            'created_at': CREATED}

    def write(self, roots):
        """Write trees of stacks, given by their root Nodes."""
        with self._engine.begin() as connection:
            nodes = [node for root in roots for node in root.walk()]
            files = dict(zip([node.id for node in nodes if node.nested],
                             _write_files(connection, nodes)))
            templates = _insert(connection, models.RawTemplate, [
                {'template': node.template, 'files_id': files.get(node.id),
                 'environment': {}} for node in nodes])
            templates = {node.id: template_id
                         for node, template_id in zip(nodes, templates)}
            connection.execute(sqlalchemy.insert(models.Stack), [
                self._common | row for root in roots
                for row in _stack_rows(root, templates)])
            _write_resources(connection, roots)

    def remove(self):
        """Delete every stack, with all its rows."""
        tables = [model.__table__ for model in (
            models.Event, models.StackLock, models.SyncPoint, models.Resource,
            models.ResourcePropertiesData, models.Stack, models.RawTemplate,
            models.RawTemplateFiles)]
        with self._engine.begin() as connection:
            if connection.dialect.name == 'postgresql':
                # Rows deleted one by one would slow down the next reads.
                connection.exec_driver_sql('TRUNCATE %s CASCADE' % ', '.join(
                    table.name for table in tables))
            else:
                for table in tables:
                    connection.execute(sqlalchemy.delete(table))

    def reset(self):
        """Make every stack legacy again, as it was written."""
        with self._engine.begin() as connection:
            for model in (models.Event, models.StackLock):
                connection.execute(sqlalchemy.delete(model))
            connection.execute(sqlalchemy.update(models.Stack).values(
                convergence=False, current_traversal=None,
                current_deps=sqlalchemy.null(), updated_at=None))
            connection.execute(sqlalchemy.update(models.Resource).values(
                requires=[], needed_by=[], current_template_id=None,
                atomic_key=None, updated_at=None))

    def requirements(self):
        """What a conversion has written to the resources."""
        with self._engine.connect() as connection:
            return connection.execute(sqlalchemy.select(
                models.Resource.id, models.Resource.requires,
                models.Resource.current_template_id).order_by(
                    models.Resource.id)).all()


def _write_files(connection, nodes):
    # JSON is YAML. Only the parameters matter to the stack above.
    files = [{'files': {'member.yaml': models.types.dumps(
        next(iter(node.nested.values())).template)}}
        for node in nodes if node.nested]
    return _insert(connection, models.RawTemplateFiles, files)


def _stack_rows(node, templates, owner=None, via=None):
    depth = owner['nested_depth'] + 1 if owner else 0
    row = {'id': node.id, 'raw_template_id': templates[node.id],
           'name': '%s-%s' % (owner['name'], via) if owner else node.name,
           'owner_id': owner and owner['id'], 'parent_resource_name': via,
           'nested_depth': depth}
    yield row
    for name, child in node.nested.items():
        yield from _stack_rows(child, templates, row, name)


def _insert(connection, model, rows):
    """Insert rows; returns their ids in the same order."""
    if not rows:
        return []
    last = connection.scalar(sqlalchemy.select(sqlalchemy.func.max(model.id)))
    connection.execute(sqlalchemy.insert(model), rows)
    return list(connection.scalars(sqlalchemy.select(model.id).where(
        model.id > (last or 0)).order_by(model.id)))


def _write_resources(connection, roots):
    rows = []
    for root in roots:
        for node in root.walk():
            rows += [_resource_row(root, node, name)
                     for name in node.resources]
    if not rows:
        return
    data = _insert(connection, models.ResourcePropertiesData, [
        {'data': row.pop('properties'), 'encrypted': False} for row in rows])
    connection.execute(sqlalchemy.insert(models.Resource), [
        row | {'rsrc_prop_data_id': data_id}
        for row, data_id in zip(rows, data)])


def _resource_row(root, node, name):
    nested = node.nested.get(name)
    return {
        'uuid': str(uuid.uuid4()), 'name': name, 'stack_id': node.id,
        'root_stack_id': root.id, 'rsrc_metadata': {},
        # The column of physical_resource_id.
        'nova_instance': nested.id if nested else str(uuid.uuid4()),
        'action': 'CREATE', 'status': 'COMPLETE',
        'status_reason': 'state changed', 'requires': [], 'needed_by': [],
        'created_at': CREATED,
        'properties': node.resources[name].get('properties', {})}
