# SPDX-License-Identifier: Apache-2.0

"""Convert a stack without nested stacks in one transaction.

The stack is locked, read once, planned and written. All stacks that are not
plain are left to :mod:`heat.engine.convergence_migrate`. It plans a stack
before it locks it, because a plug-in may call a service meanwhile.
"""

from oslo_utils import uuidutils

from heat.common.migrate import exception as migrate_exception
from heat.common import service_utils
from heat.db.migrate import write as migrate_write
from heat.engine.migrate import check as migrate_check
from heat.engine.migrate import events as migrate_events
from heat.engine.migrate import graph as migrate_graph
from heat.engine.migrate import graph_size as migrate_graph_size
from heat.engine.migrate import planning as migrate_planning
from heat.engine.migrate import templates as migrate_templates

#: The most resources, and characters of the template, of such a stack. It is
#: planned while it is locked.
RESOURCES, CHARACTERS = 1000, 1 << 19

#: Of the id of a stack, and of the column for it.
_ID_LENGTH = 36


def convert(context, stack_id, stored_credentials, engine_id, by):
    """Convert a root stack that is plain and not locked.

    :returns: the plan that was applied, or None when the stack is left; and
        what was read of it, as heat.db.migrate.tree.get_with_locks has it
    :raises MigrationRefused: as heat.engine.convergence_migrate.plan
    """
    if not uuidutils.is_uuid_like(stack_id) or len(stack_id) != _ID_LENGTH:
        # No row can be inserted for any text that a user may give, such as
        # "urn:uuid:" before an id.
        return None, None

    def make(tree):
        plan = (_plan(context, tree, stored_credentials) if _is_plain(tree)
                else None)
        if plan is None or plan.nothing_to_do:
            return plan, None
        return plan, migrate_events.event_values(plan, by)

    return migrate_write.plan_and_write(
        context, stack_id, make,
        engine_id or service_utils.generate_engine_id())


def _is_plain(tree):
    """Whether a tree is one small root stack in a sane state."""
    root = tree.root
    if (len(tree.stacks) > 1 or root.owner_id or root.template is None or
            len(tree.resources) > RESOURCES or
            sum(len(text or '') for text in (
                root.template, root.environment, root.files)) > CHARACTERS):
        return False
    try:
        migrate_check.complete(tree, locks={})
    except migrate_exception.MigrationRefused:
        # The other module finds out more about the reason.
        return False
    return True


def _plan(context, tree, stored_credentials):
    """Plan a stack; returns None if that may call a service."""
    templates = migrate_templates.Templates(context, tree, stored_credentials,
                                            by_name=True)
    try:
        made = migrate_planning.make(tree, templates.requirements)
        # The server is not asked for its limit here.
        migrate_graph_size.check(made, get_limit=lambda: 0)
    except (migrate_graph.AsksPlugins, migrate_exception.GraphTooLarge):
        return None
    return made
