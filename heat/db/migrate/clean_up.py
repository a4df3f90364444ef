# SPDX-License-Identifier: Apache-2.0

"""Delete or repair rows that a conversion leaves without use."""

from oslo_utils import timeutils
import sqlalchemy

from heat.db.migrate import by_key
from heat.db.migrate import chunks as migrate_chunks
from heat.db.migrate import exactly
from heat.db import models
from heat import overlay

# The status reason of a snapshot that no engine will complete.
INTERRUPTED = 'The engine went down while it took the snapshot'

_stack = models.Stack.__table__


def delete_backup_stacks(session, plans):
    """Soft-delete backup stacks, as the legacy engine does after an update."""
    for chunk in migrate_chunks.chunks(
            [row_id for plan in plans for row_id in plan.empty_backups]):
        exactly.execute(session, len(chunk), plans, by_key.update(
            _stack).where(_stack.c.id.in_(chunk)).values(
                deleted_at=timeutils.utcnow()))


def mend_snapshots(session, plans):
    """Repair snapshots, see heat.engine.migrate.snapshots."""
    snapshot = models.Snapshot.__table__
    rows = [row for plan in plans for row in plan.snapshots]
    for chunk in migrate_chunks.chunks(
            [row.id for row in rows if row.without_data]):
        exactly.execute(session, len(chunk), plans, by_key.update(
            snapshot).where(snapshot.c.id.in_(chunk)).values({
                snapshot.c.data: {'resources': {}}}))
    for chunk in migrate_chunks.chunks(
            [row.id for row in rows if row.interrupted]):
        values = {snapshot.c.status: 'FAILED',
                  snapshot.c.status_reason: INTERRUPTED}
        if overlay.release().converged_actions:
            values[snapshot.c.action] = 'CREATE'
        exactly.execute(session, len(chunk), plans, by_key.update(
            snapshot).where(snapshot.c.id.in_(chunk)).values(values))


def delete_resources(session, resource_ids):
    """Delete resource rows, with their data and attributes."""
    resource, data = models.Resource, models.ResourceData
    for chunk in migrate_chunks.chunks(resource_ids):
        attributes = session.scalars(sqlalchemy.select(
            resource.attr_data_id).where(
                resource.id.in_(chunk),
                resource.attr_data_id.is_not(None))).all()
        _delete(session, data, session.scalars(sqlalchemy.select(
            data.id).where(data.resource_id.in_(chunk))).all())
        _delete(session, resource, chunk)
        _delete(session, models.ResourcePropertiesData, attributes)


def _delete(session, model, ids):
    table = model.__table__
    session.execute(by_key.delete(table).where(table.c.id.in_(ids)))


def delete_raw_templates(session, template_ids):
    """Delete the raw templates that nothing uses, with their files."""
    for chunk in migrate_chunks.chunks(sorted(template_ids)):
        _delete_unused(session, set(chunk))


def _delete_unused(session, template_ids):
    used = session.scalars(sqlalchemy.union(
        *(sqlalchemy.select(column).where(column.in_(template_ids))
          for column in (models.Stack.raw_template_id,
                         models.Stack.prev_raw_template_id,
                         models.Resource.current_template_id))))
    unused = template_ids.difference(used)
    if not unused:
        return
    template = models.RawTemplate
    files = set(session.scalars(sqlalchemy.select(template.files_id).where(
        template.id.in_(unused), template.files_id.is_not(None))))
    _delete(session, template, unused)
    files.difference_update(session.scalars(sqlalchemy.select(
        template.files_id).where(template.files_id.in_(files))))
    _delete(session, models.RawTemplateFiles, files)
