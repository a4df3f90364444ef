# SPDX-License-Identifier: Apache-2.0

"""Delete or repair rows that a conversion leaves without use."""

from oslo_utils import timeutils
import sqlalchemy

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
        exactly.execute(session, len(chunk), plans, sqlalchemy.update(
            _stack).where(_stack.c.id.in_(chunk)).values(
                deleted_at=timeutils.utcnow()))


def mend_snapshots(session, plans):
    """Repair snapshots, see heat.engine.migrate.snapshots."""
    snapshot = models.Snapshot.__table__
    rows = [row for plan in plans for row in plan.snapshots]
    for chunk in migrate_chunks.chunks(
            [row.id for row in rows if row.without_data]):
        exactly.execute(session, len(chunk), plans, sqlalchemy.update(
            snapshot).where(snapshot.c.id.in_(chunk)).values({
                snapshot.c.data: {'resources': {}}}))
    for chunk in migrate_chunks.chunks(
            [row.id for row in rows if row.interrupted]):
        values = {snapshot.c.status: 'FAILED',
                  snapshot.c.status_reason: INTERRUPTED}
        if overlay.release().converged_actions:
            values[snapshot.c.action] = 'CREATE'
        exactly.execute(session, len(chunk), plans, sqlalchemy.update(
            snapshot).where(snapshot.c.id.in_(chunk)).values(values))


def delete_resources(session, resource_ids):
    """Delete resource rows, with their data and attributes."""
    resource = models.Resource
    for chunk in migrate_chunks.chunks(resource_ids):
        attributes = session.scalars(sqlalchemy.select(
            resource.attr_data_id).where(
                resource.id.in_(chunk),
                resource.attr_data_id.is_not(None))).all()
        session.execute(sqlalchemy.delete(models.ResourceData).where(
            models.ResourceData.resource_id.in_(chunk)))
        session.execute(sqlalchemy.delete(resource).where(
            resource.id.in_(chunk)))
        session.execute(sqlalchemy.delete(
            models.ResourcePropertiesData).where(
                models.ResourcePropertiesData.id.in_(attributes)))


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
    session.execute(sqlalchemy.delete(template).where(
        template.id.in_(unused)))
    files.difference_update(session.scalars(sqlalchemy.select(
        template.files_id).where(template.files_id.in_(files))))
    session.execute(sqlalchemy.delete(models.RawTemplateFiles).where(
        models.RawTemplateFiles.id.in_(files)))
