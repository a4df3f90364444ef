# SPDX-License-Identifier: Apache-2.0

"""Convert many small root stacks together, which costs less than one by one.

A batch takes one read, a plan for each stack, and one transaction for some
of them. It has only stacks that convert without a refusal, a lock, a change or
an error. All others are left to :mod:`heat.engine.convergence_migrate`, which
converts them one by one and reports the reasons.
"""

import time

from oslo_log import log as logging

from heat.common.migrate import exception as migrate_exception
from heat.common import service_utils
from heat.db.migrate import batch as migrate_batch
from heat.db.migrate import chunks as migrate_chunks
from heat.db.migrate import write as migrate_write
from heat.engine.migrate import check as migrate_check
from heat.engine.migrate import events as migrate_events
from heat.engine.migrate import graph_size as migrate_graph_size
from heat.engine.migrate import leftovers as migrate_leftovers
from heat.engine.migrate import plan as migrate_plan
from heat.engine.migrate import planning as migrate_planning
from heat.engine.migrate import templates as migrate_templates

LOG = logging.getLogger(__name__)

#: Seconds after which a batch plans no more stacks, and writes the planned
#: ones. A plug-in may call a service for each stack.
PLANNING = 2

#: The most stacks, and resources of all of them, that one transaction writes.
#: The users of these stacks wait for its end.
STACKS, RESOURCES = 13, 130


def plan(context, stack_ids):
    """Plan those of some root stacks that are small and sane.

    :param stack_ids: a list of not too many ids, each once
    :returns: {stack id: heat.engine.migrate.plan.Plan}; the stacks that are
        not in it are to be planned one by one
    """
    plans = {}
    trees = migrate_batch.get_trees(stack_ids)
    # Not before the reading: one by one, that is not faster.
    end = time.monotonic() + PLANNING
    for stack_id, tree in trees.items():
        if time.monotonic() > end:
            break
        if not _is_ordinary(tree):
            continue
        try:
            plans[stack_id] = _plan(context, tree)
        except Exception as exc:
            # It is planned alone later, and reports its reason then.
            LOG.debug('Stack %s is left out of its batch: %s', stack_id, exc)
    return plans


def convert(context, stack_ids, by=migrate_events.ON_REQUEST):
    """Convert those of some root stacks that are small and sane.

    Each conversion leaves what :func:`heat.engine.convergence_migrate.convert`
    leaves.

    :param stack_ids: a list of not too many ids, each once
    :returns: {stack id: the plan that was applied}, as :func:`plan` does;
        the stacks that are not in it are unchanged
    """
    begun = time.monotonic()
    plans = plan(context, stack_ids)
    planning = (time.monotonic() - begun) / max(1, len(plans))
    changes = [made for made in plans.values() if not made.nothing_to_do]
    for group in migrate_chunks.chunks(changes, _resources, STACKS, RESOURCES):
        for made in _write(context, group, by, planning):
            del plans[made.stack_id]
    return plans


def _resources(made):
    return made.resources


def _is_ordinary(tree):
    """Whether a tree is neither mixed nor has unreferenced stacks."""
    return not (migrate_plan.is_mixed(tree) or
                migrate_leftovers.unreferenced(tree))


def _plan(context, tree):
    if migrate_plan.to_change(tree, convergence=True):
        migrate_check.complete(tree, locks={})
    templates = migrate_templates.Templates(context, tree,
                                            stored_credentials=True)
    made = migrate_planning.make(tree, templates.requirements)
    # A batch does not ask for the server's limit: a large graph is left out.
    migrate_graph_size.check(made, get_limit=lambda: 0)
    return made


def _write(context, plans, by, planning):
    """Write some plans in one transaction, and report them.

    :param planning: seconds that each of them took
    :returns: the plans that are not written: all of them or none
    """
    begun = time.monotonic()
    try:
        migrate_write.write(
            context, plans, service_utils.generate_engine_id(),
            [migrate_events.event_values(made, by) for made in plans])
    except (migrate_exception.MigrationRefused,
            *migrate_exception.DATABASE_ERRORS) as exc:
        LOG.debug('A batch is taken stack by stack: %s', exc)
        return plans
    except Exception:
        # Groups before this one are written, and have to be reported.
        LOG.exception('A batch of stacks failed')
        return plans
    writing = (time.monotonic() - begun) / len(plans)
    for made in plans:
        migrate_events.migrated(context, made, planning + writing, by)
    return ()
