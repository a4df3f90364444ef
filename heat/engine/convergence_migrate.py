# SPDX-License-Identifier: Apache-2.0

"""Convert legacy stacks to convergence.

The update hook (heat.engine.service), the RPC method and heat-manage call
this converter. :func:`plan` reads a root stack with everything below it, and
computes what to write or refuses with a reason. :func:`apply` writes the plan
in one transaction. :func:`convert` does both, and logs and records the result.
:func:`revert` makes a stack legacy again.
"""

import contextlib
import dataclasses
import functools

from oslo_db import exception as db_exception
from oslo_utils import timeutils
import sqlalchemy

from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import options as migrate_options
from heat.common import service_utils
from heat.db.migrate import leftovers as migrate_db_leftovers
from heat.db.migrate import tree as migrate_tree
from heat.db.migrate import write as migrate_write
from heat.engine.migrate import dead_engines as migrate_dead_engines
from heat.engine.migrate import events as migrate_events
from heat.engine.migrate import failed as migrate_failed
from heat.engine.migrate import leftovers as migrate_leftovers
from heat.engine.migrate import plan as migrate_plan
from heat.engine.migrate import revert as migrate_revert
from heat.engine.migrate import templates as migrate_templates
from heat.engine.migrate import timed_planning
from heat.engine.migrate import verify as migrate_verify

_DATABASE_ERRORS = (db_exception.DBError, sqlalchemy.exc.SQLAlchemyError)

# How often a stack is planned if it changes before the plan is written.
ATTEMPTS = 3


def list_opts():
    """Give oslo-config-generator the options of this module."""
    yield None, migrate_options.opts


def plan(context, stack_id, stored_credentials=True,
         ignore_unreferenced=False, failed=False):
    """Read a stack tree and compute its conversion; nothing is written.

    :param context: the request or admin context
    :param stack_id: id of a root stack
    :param stored_credentials: load the stack with the credentials that it
        was created with (a trust), and not with those of the context
    :param ignore_unreferenced: leave out nested stacks that no resource
        names, and all that is nested in them
    :param failed: also plan a tree with stacks that are not COMPLETE
    :returns: a heat.engine.migrate.plan.Plan, printable and immutable
    :raises MigrationRefused: with the reason when it cannot be converted
    """
    return _plan(context, stack_id, stored_credentials, migrate_plan.make,
                 convergence=True, ignored=lambda _rows: ignore_unreferenced,
                 failed=failed)


def check_failed(context, stack_id):
    """Look whether a tree that is not COMPLETE could be converted so.

    :raises MigrationRefused: if not, as far as its rows tell
    """
    tree = _read(context, stack_id)
    _check(context, tree, failed=True)


def plan_revert(context, stack_id, stored_credentials=True):
    """Compute how a convergence stack becomes legacy again; as :func:`plan`.

    :raises MigrationRefused: when the legacy engine could not go on with it
    """
    return _plan(context, stack_id, stored_credentials, migrate_revert.make,
                 convergence=False, ignored=migrate_leftovers.are_legacy)


def apply(context, plan, engine_id=None, by='on request'):
    """Write a plan: all of it in one transaction, or nothing.

    :param engine_id: id of the engine that converts; a command has none
    :param by: in a few words, what made this conversion happen
    :raises MigrationRefused: when the tree has changed since it was planned
    """
    migrate_write.write(context, plan,
                        engine_id or service_utils.generate_engine_id(),
                        migrate_events.event_values(plan, by))


def convert(context, stack_id, stored_credentials=True, engine_id=None,
            by='on request', ignore_unreferenced=False, failed=False):
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
    return _run(planner, context, stack_id, stored_credentials, engine_id, by)


def revert(context, stack_id, stored_credentials=True, engine_id=None,
           by='on request'):
    """Make a root stack and everything below it legacy again.

    It undoes :func:`convert`, with the same contract.
    """
    return _run(plan_revert, context, stack_id, stored_credentials,
                engine_id, by)


def verify(context, stack_id, stored_credentials=True):
    """Verify that the rows of a convergence stack have what Heat reads.

    :returns: a tuple of heat.engine.migrate.verify.Finding, and the plan
        that :func:`apply` would fill in what is missing with
    :raises MigrationRefused: when the stack cannot be verified
    """
    whole, graph = _read(context, stack_id, migrate_tree.get_with_graph)
    split = migrate_leftovers.leave_out(
        whole, migrate_leftovers.are_not_to_verify)
    tree = split.tree
    if migrate_plan.to_change(tree, convergence=True):
        raise migrate_exception.StillLegacy(
            stack=migrate_plan.label(tree.root))
    with _second_look(context, whole):
        dead_locks = _check(context, tree, failed=True)
        templates = migrate_templates.Templates(context, tree,
                                                stored_credentials)
        findings, made = migrate_verify.compare(tree, graph,
                                                templates.requirements)
    return findings, dataclasses.replace(
        migrate_plan.with_left_out(made, whole, split),
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
    return made


def repair(context, stack_id, stored_credentials=True, engine_id=None,
           by='on request'):
    """Add what :func:`verify` finds missing; with the contract of convert.

    It overwrites nothing that Heat has stored.
    """
    return _run(plan_repair, context, stack_id, stored_credentials,
                engine_id, by)


def _run(planner, context, stack_id, stored_credentials, engine_id, by):
    watch = timeutils.StopWatch()
    with watch:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                made = timed_planning.call(
                    context, stack_id, planner, context, stack_id,
                    stored_credentials)
                if made.nothing_to_do:
                    return made
                apply(context, made, engine_id, by)
                break
            except migrate_exception.TreeChanged:
                if attempt == ATTEMPTS:
                    raise
            except migrate_exception.StackNotFound as exc:
                if attempt == 1:
                    raise
                # It was there before.
                raise migrate_exception.StackGone(stack=stack_id) from exc
    migrate_events.migrated(context, made, watch.elapsed(), by)
    return made


def _refuse_nested(context, row):
    root = migrate_tree.get_root_id(context, row.id)
    if root is None:
        raise _dangling(context, row)
    raise migrate_exception.NestedStack(stack=migrate_plan.label(row),
                                        root=root)


def _dangling(context, row):
    shared = migrate_db_leftovers.get_shared(context, row.id)
    known = {'stack': migrate_plan.label(row), 'id': row.id,
             'owner': row.owner_id}
    if not shared:
        return migrate_exception.DanglingStack(**known)
    below = migrate_db_leftovers.get_below(context, row.id)
    return migrate_exception.Adopted(
        shared=migrate_leftovers.in_words(shared),
        below=(' Then abandon what is nested in it: %s.' % ', '.join(below)
               if below else ''), **known)


def _read(context, stack_id, get=migrate_tree.get):
    """Read the tree of a root stack, and what ``get`` reads with it."""
    found = get(context, stack_id)
    if found is None:
        raise migrate_exception.StackNotFound(stack=stack_id)
    tree = found if get is migrate_tree.get else found[0]
    if tree.root.owner_id:
        _refuse_nested(context, tree.root)
    return found


@contextlib.contextmanager
def _second_look(context, tree):
    """Read a tree again before anybody is told what is wrong with it.

    Its user may delete or update the stack while it is planned, and then
    all kinds of things go wrong, which are no reasons.

    :raises StackGone: when it has been deleted
    :raises TreeChanged: when it is not the tree any more that was planned;
        a reason that passes by itself needs no other one in its place
    """
    try:
        yield
    except _DATABASE_ERRORS:
        raise
    except Exception as exc:
        now = migrate_tree.get(context, tree.root.id)
        if now is None:
            raise migrate_exception.StackGone(
                stack=migrate_plan.label(tree.root)) from exc
        if now != tree and not getattr(exc, 'transient', False):
            raise migrate_exception.TreeChanged(
                stack=migrate_plan.label(tree.root)) from exc
        raise


def _check(context, tree, left_out=(), convergence=False, failed=False):
    """Refuse a tree that cannot be converted or reverted, from its rows.

    :param left_out: stack rows that stay as they are
    :param convergence: whether it is to be converted: then the reason names
        --failed where that would help
    :param failed: take stacks that are not COMPLETE as well
    :returns: the locks of dead engines
    """
    locks = migrate_tree.get_locks(
        context, [row.id for row in (*tree.stacks, *left_out)])
    dead = migrate_dead_engines.of(context, set(locks.values()))
    dead_locks = tuple(sorted((stack_id, engine_id) for stack_id, engine_id
                              in locks.items() if engine_id in dead))
    for stack_id, _engine_id in dead_locks:
        del locks[stack_id]
    migrate_plan.check_idle(left_out, locks)
    if failed:
        migrate_failed.check(tree, locks)
        return dead_locks
    try:
        migrate_plan.check(tree, locks)
    except (migrate_exception.NotComplete,
            migrate_exception.BackupResources) as exc:
        if convergence:
            migrate_failed.name_the_option(exc, tree, locks)
        raise
    except migrate_exception.UnreferencedNested as exc:
        shared = migrate_db_leftovers.get_shared(context, exc.kwargs['id'])
        if not shared:
            raise
        raise migrate_exception.UnreferencedShared(
            shared=migrate_leftovers.in_words(shared), **exc.kwargs)
    return dead_locks


def _make_failed(context, tree, templates):
    targets = migrate_tree.get_templates(context, {
        row.prev_raw_template_id for row in tree.stacks
        if row.prev_raw_template_id is not None})
    return migrate_failed.make(tree, targets, templates)


def _plan(context, stack_id, stored_credentials, make, convergence, ignored,
          failed=False):
    tree = _read(context, stack_id)
    split = migrate_leftovers.leave_out(tree, ignored)
    dead_locks = ()
    with _second_look(context, tree):
        changes = migrate_plan.to_change(split.tree, convergence)
        failed = failed and changes and migrate_failed.concerns(split.tree)
        if changes:
            dead_locks = _check(context, split.tree, split.out, convergence,
                                failed)
        templates = migrate_templates.Templates(context, split.tree,
                                                stored_credentials)
        if failed:
            made = _make_failed(context, split.tree, templates)
        else:
            made = make(split.tree, templates.requirements)
        if convergence and migrate_plan.is_mixed(split.tree):
            made = dataclasses.replace(made, fills=_fills(
                context, tree, split.tree, templates.requirements))
    return dataclasses.replace(migrate_plan.with_left_out(made, tree, split),
                               dead_locks=dead_locks)


def _fills(context, whole, tree, requirements):
    """What the convergence stacks of a mixed tree lack, to be filled in."""
    found = migrate_tree.get_with_graph(context, whole.root.id)
    if found is None or found[0] != whole:
        raise migrate_exception.TreeChanged(
            stack=migrate_plan.label(whole.root))
    _findings, made = migrate_verify.compare(tree, found[1], requirements)
    migrate_verify.check_fills(made)
    return made.fills
