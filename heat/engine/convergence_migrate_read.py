# SPDX-License-Identifier: Apache-2.0

"""Read the tree of a root stack, and refuse what cannot be changed.

:mod:`heat.engine.convergence_migrate` does this before it plans.
"""

import contextlib

from heat.common.migrate import exception as migrate_exception
from heat.db.migrate import leftovers as migrate_db_leftovers
from heat.db.migrate import state as migrate_state
from heat.db.migrate import tree as migrate_tree
from heat.engine.migrate import check as migrate_check
from heat.engine.migrate import dead_engines as migrate_dead_engines
from heat.engine.migrate import failed_check as migrate_failed_check
from heat.engine.migrate import leftovers as migrate_leftovers
from heat.engine.migrate import plan as migrate_plan


def read(context, stack_id, found=None):
    """Read the tree of a root stack, and {stack id: engine} of its locks.

    :param found: both, if they were read already
    """
    return of_root(context, stack_id, found or migrate_tree.get_with_locks(
        context, stack_id))


def of_root(context, stack_id, found):
    """Refuse an id that is not of a root stack.

    :param found: a tuple that begins with the tree, or None
    """
    if not found or found[0] is None:
        raise migrate_exception.StackNotFound(stack=stack_id)
    if found[0].root.owner_id:
        _refuse_nested(context, found[0].root)
    return found


def _refuse_nested(context, row):
    root = migrate_state.get_root_id(context, row.id)
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


@contextlib.contextmanager
def second_look(context, tree):
    """Read a tree again before a refusal or an error is raised.

    Its user may delete or update the stack while it is planned. The errors
    that follow are no reasons.

    :raises StackGone: when it has been deleted
    :raises TreeChanged: when it has changed; a transient reason is raised as
        it is
    """
    try:
        yield
    except migrate_exception.DATABASE_ERRORS:
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


def check(context, tree, locks, left_out=(), convergence=False,
          failed=False):
    """Refuse a tree that cannot be converted or reverted, from its rows.

    :param locks: {stack id: engine id} of its locked stacks
    :param left_out: stack rows that stay as they are
    :param convergence: true for a conversion; then the reason names --failed
        if that would help
    :param failed: accept stacks that are not COMPLETE
    :returns: the locks of dead engines
    """
    dead = migrate_dead_engines.of(context, set(locks.values()))
    dead_locks = tuple(sorted((stack_id, engine_id) for stack_id, engine_id
                              in locks.items() if engine_id in dead))
    locks = {stack_id: engine_id for stack_id, engine_id in locks.items()
             if engine_id not in dead}
    migrate_check.idle(left_out, locks)
    try:
        if failed:
            migrate_failed_check.check(tree, locks)
        else:
            migrate_check.complete(tree, locks)
    except (migrate_exception.NotComplete,
            migrate_exception.BackupResources) as exc:
        if convergence and not failed:
            migrate_failed_check.name_the_option(exc, tree, locks)
        raise
    except migrate_exception.UnreferencedNested as exc:
        shared = migrate_db_leftovers.get_shared(context, exc.kwargs['id'])
        if not shared:
            raise
        raise migrate_exception.UnreferencedShared(
            shared=migrate_leftovers.in_words(shared), **exc.kwargs)
    return dead_locks
