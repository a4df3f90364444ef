# SPDX-License-Identifier: Apache-2.0

"""Convert legacy stacks to convergence.

The update hook (heat.engine.service), the RPC method and heat-manage call
this converter. :func:`plan` reads a root stack with everything below it, and
computes what to write or refuses with a reason. :func:`apply` writes the plan
in one transaction. :func:`convert` does both, and logs and records the result.
heat.engine.convergence_migrate_alone does both at once, if it can.
:func:`revert` makes a stack legacy again.
"""

import dataclasses
import functools

from oslo_utils import timeutils

from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import options as migrate_options
from heat.common import service_utils
from heat.db.migrate import failed_events as migrate_failed_events
from heat.db.migrate import packet as migrate_packet
from heat.db.migrate import tree as migrate_tree
from heat.db.migrate import write as migrate_write
from heat.engine import convergence_migrate_alone as migrate_alone
from heat.engine import convergence_migrate_read as migrate_read
from heat.engine.migrate import events as migrate_events
from heat.engine.migrate import failed as migrate_failed
from heat.engine.migrate import failed_check as migrate_failed_check
from heat.engine.migrate import graph_size as migrate_graph_size
from heat.engine.migrate import leftovers as migrate_leftovers
from heat.engine.migrate import plan as migrate_plan
from heat.engine.migrate import planning as migrate_planning
from heat.engine.migrate import revert as migrate_revert
from heat.engine.migrate import templates as migrate_templates
from heat.engine.migrate import timed_planning
from heat.engine.migrate import verify as migrate_verify

# How often a stack is planned if it changes before the plan is written.
ATTEMPTS = 3


def list_opts():
    """Give oslo-config-generator the options of this module."""
    yield None, migrate_options.opts


def plan(context, stack_id, stored_credentials=True,
         ignore_unreferenced=False, failed=False, found=None):
    """Read a stack tree and compute its conversion; nothing is written.

    :param context: the request or admin context
    :param stack_id: id of a root stack
    :param stored_credentials: load the stack with the credentials that it
        was created with (a trust), and not with those of the context
    :param ignore_unreferenced: leave out nested stacks that no resource
        names, and all that is nested in them
    :param failed: also plan a tree with stacks that are not COMPLETE
    :param found: what was read of the tree already, as
        heat.db.migrate.tree.get_with_locks has it
    :returns: a heat.engine.migrate.plan.Plan, printable and immutable
    :raises MigrationRefused: with the reason when it cannot be converted
    """
    return _plan(context, stack_id, stored_credentials, migrate_planning.make,
                 convergence=True, ignored=lambda _rows: ignore_unreferenced,
                 failed=failed, found=found)


def check_failed(context, stack_id):
    """Check from its rows that a tree that is not COMPLETE can be converted.

    :raises MigrationRefused: if not; its templates and plug-ins are not read
    """
    tree, locks = migrate_read.read(context, stack_id)
    migrate_read.check(context, tree, locks, failed=True)


def plan_revert(context, stack_id, stored_credentials=True):
    """Compute how a convergence stack becomes legacy; as :func:`plan`.

    :raises MigrationRefused: when the legacy engine could not run it
    """
    return _plan(context, stack_id, stored_credentials, migrate_revert.make,
                 convergence=False, ignored=migrate_leftovers.are_legacy)


def apply(context, plan, engine_id=None, by=migrate_events.ON_REQUEST):
    """Write a plan: all of it in one transaction, or nothing.

    :param engine_id: id of the engine that converts; a command has none
    :param by: in a few words, what started this conversion
    :raises MigrationRefused: when the tree has changed since it was planned
    """
    migrate_write.write(context, (plan,),
                        engine_id or service_utils.generate_engine_id(),
                        [migrate_events.event_values(plan, by)])


def convert(context, stack_id, stored_credentials=True, engine_id=None,
            by=migrate_events.ON_REQUEST, ignore_unreferenced=False,
            failed=False):
    """Convert a root stack and everything below it to convergence.

    It is safe to call this for a stack that is already convergence, and to
    call it twice at once. A conversion leaves one INFO line and one stack
    event.

    :param ignore_unreferenced: as for :func:`plan`
    :param failed: as for :func:`plan`
    :returns: the plan that was applied; its nothing_to_do is true when the
        tree was convergence before
    :raises MigrationRefused: with the reason; the tree is unchanged
    """
    planner = functools.partial(
        plan, ignore_unreferenced=ignore_unreferenced, failed=failed)
    return _run(planner, context, stack_id, stored_credentials, engine_id, by,
                at_once=migrate_alone.convert)


def revert(context, stack_id, stored_credentials=True, engine_id=None,
           by=migrate_events.ON_REQUEST):
    """Make a root stack and everything below it legacy again.

    It undoes :func:`convert`, with the same contract.
    """
    return _run(plan_revert, context, stack_id, stored_credentials,
                engine_id, by)


def verify(context, stack_id, stored_credentials=True):
    """Verify that the rows of a convergence stack have what Heat reads.

    :returns: a tuple of heat.engine.migrate.verify.Finding, and the plan with
        which :func:`apply` would add what is missing
    :raises MigrationRefused: when the stack cannot be verified
    """
    whole, graph = migrate_read.of_root(
        context, stack_id, migrate_tree.get_with_graph(context, stack_id))
    split = migrate_leftovers.leave_out(
        whole, migrate_leftovers.are_not_to_verify)
    tree = split.tree
    if migrate_plan.to_change(tree, convergence=True):
        raise migrate_exception.StillLegacy(
            stack=migrate_plan.label(tree.root))
    with migrate_read.second_look(context, whole):
        dead_locks = migrate_read.check(context, tree, migrate_tree.get_locks(
            context, [row.id for row in tree.stacks]), failed=True)
        templates = migrate_templates.Templates(context, tree,
                                                stored_credentials)
        findings, made = migrate_verify.compare(tree, graph,
                                                templates.requirements)
    return findings, dataclasses.replace(
        migrate_planning.with_left_out(made, whole, split),
        dead_locks=dead_locks)


def check_rows(context, stack_id):
    """Make sure that :func:`verify` finds nothing.

    :returns: a plan with nothing to do
    :raises RowsDiffer: with what was found
    """
    findings, made = verify(context, stack_id)
    if findings:
        raise migrate_exception.RowsDiffer(
            stack=made.label, findings=migrate_verify.in_words(findings))
    return made


def plan_repair(context, stack_id, stored_credentials=True):
    """Compute the values that the rows of a stack lack.

    :raises MigrationRefused: when Heat could not run the repaired stack
    """
    made = verify(context, stack_id, stored_credentials)[1]
    migrate_verify.check_fills(made)
    _check_size(context, made)
    return made


def _check_size(context, made):
    migrate_graph_size.check(
        made, lambda: migrate_packet.get_limit(context))


def repair(context, stack_id, stored_credentials=True, engine_id=None,
           by=migrate_events.ON_REQUEST):
    """Add what :func:`verify` finds missing; with the contract of convert.

    It overwrites nothing that Heat has stored.
    """
    return _run(plan_repair, context, stack_id, stored_credentials,
                engine_id, by)


def _run(planner, context, stack_id, stored_credentials, engine_id, by,
         at_once=None):
    watch = timeutils.StopWatch()
    with watch:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                made = _attempt(planner, context, stack_id,
                                stored_credentials, engine_id, by,
                                at_once if attempt == 1 else None)
                if made.nothing_to_do:
                    return made
                break
            except migrate_exception.TreeChanged:
                if attempt == ATTEMPTS:
                    raise
            except migrate_exception.StackNotFound as exc:
                if attempt == 1:
                    raise
                # The first attempt has read the stack, so it was deleted
                # since.
                raise migrate_exception.StackGone(stack=stack_id) from exc
    migrate_events.migrated(context, made, watch.elapsed(), by)
    return made


def _attempt(planner, context, stack_id, stored_credentials, engine_id, by,
             at_once):
    """Plan a tree and write the plan; returns the plan.

    :param at_once: does both if it can, see migrate_alone.convert
    """
    if at_once is not None:
        made, found = at_once(context, stack_id, stored_credentials, engine_id,
                              by)
        if made is not None:
            return made
        planner = functools.partial(planner, found=found)
    made = timed_planning.call(context, stack_id, planner, context, stack_id,
                               stored_credentials)
    if not made.nothing_to_do:
        apply(context, made, engine_id, by)
    return made


def _make_failed(context, tree, templates):
    targets = migrate_tree.get_templates(context, {
        row.prev_raw_template_id for row in tree.stacks
        if row.prev_raw_template_id is not None})
    return migrate_failed.make(
        tree, targets, migrate_failed_events.get_failed_before(context, tree),
        migrate_failed_events.get_updated(context, tree),
        migrate_tree.get_nested_ids(context, {
            row.physical_resource_id for row in tree.resources
            if row.physical_resource_id}), templates)


def _plan(context, stack_id, stored_credentials, make, convergence, ignored,
          failed=False, found=None):
    tree, locks = migrate_read.read(context, stack_id, found)
    split = migrate_leftovers.leave_out(tree, ignored, failed)
    dead_locks = ()
    with migrate_read.second_look(context, tree):
        changes = migrate_plan.to_change(split.tree, convergence)
        failed = (failed and changes and
                  migrate_failed_check.concerns(split.tree))
        templates = migrate_templates.Templates(context, split.tree,
                                                stored_credentials)
        if changes:
            dead_locks = _check(context, split, locks, templates, convergence,
                                failed)
        if failed:
            made = _make_failed(context, split.tree, templates)
        else:
            made = make(split.tree, templates.requirements)
        if convergence and migrate_plan.is_mixed(split.tree):
            made = dataclasses.replace(made, fills=_fills(
                context, tree, split.tree, templates.requirements))
        _check_size(context, made)
    return dataclasses.replace(
        migrate_planning.with_left_out(made, tree, split),
        dead_locks=dead_locks)


def _check(context, split, locks, templates, convergence, failed):
    try:
        return migrate_read.check(context, split.tree, locks, split.out,
                                  convergence, failed)
    except migrate_exception.Interrupted:
        migrate_failed_check.check_interrupted(split.tree, templates)
        raise


def _fills(context, whole, tree, requirements):
    """The values that the convergence stacks of a mixed tree lack."""
    found = migrate_tree.get_with_graph(context, whole.root.id)
    if found is None or found[0] != whole:
        raise migrate_exception.TreeChanged(
            stack=migrate_plan.label(whole.root))
    _findings, made = migrate_verify.compare(tree, found[1], requirements)
    migrate_verify.check_fills(made)
    return made.fills
