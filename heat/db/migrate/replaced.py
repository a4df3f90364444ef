# SPDX-License-Identifier: Apache-2.0

"""Read what replaced resources were before their replacement."""

import collections

import sqlalchemy

from heat.db import api as db_api
from heat.db.migrate import chunks as migrate_chunks
from heat.db import models

_event = models.Event.__table__.c


@db_api.retry_on_db_error
@db_api.context_manager.reader
def get_failed(context, tree):
    """Find the resources that had failed when they were replaced.

    The legacy engine makes every resource UPDATE_COMPLETE that it moves to a
    backup stack: also one that has failed. Its last event in the stack itself
    has the state from before.

    :param tree: a heat.db.migrate.rows.Tree
    :returns: ids of resource rows of backup stacks; none of a resource whose
        events are gone
    """
    owners = {row.id: row.owner_id for row in tree.stacks if row.backup}
    replaced = collections.defaultdict(dict)
    for row in tree.resources:
        if row.stack_id in owners:
            replaced[owners[row.stack_id]][
                row.name, row.physical_resource_id] = row.id
    return {ids[key] for owner_id, ids in replaced.items()
            for key, status in _last_states(
                context.session, owner_id, ids).items()
            if status != 'COMPLETE'}


def _last_states(session, stack_id, keys):
    """Map (resource name, physical id) to the status in the last event."""
    found = {}
    for chunk in migrate_chunks.chunks(keys):
        found.update(
            ((name, physical_id), status)
            for name, physical_id, status in session.execute(
                sqlalchemy.select(
                    _event.resource_name, _event.physical_resource_id,
                    _event.resource_status).where(
                        _event.stack_id == stack_id,
                        _event.physical_resource_id.in_(
                            [physical_id for _name, physical_id in chunk]))
                .order_by(_event.id))
            if (name, physical_id) in keys)
    return found
