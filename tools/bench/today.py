# SPDX-License-Identifier: Apache-2.0

"""The work of this revision, of Heat and of the floor."""

import os
import subprocess
import time

import sqlalchemy

from heat.cmd.migrate import run
from heat.db import api as db_api
from heat.db.migrate import roots
from heat.engine import convergence_migrate
from heat.engine import convergence_migrate_batch
from heat.engine import service
from heat.engine import stack as parser
from heat.objects import stack as stack_object
from heat.objects import user_creds
from heat.tests.functional.harness import processes
from tools.bench import floor as by_hand

_ENGINE = service.EngineService('bench', 'bench')
_ENGINE.engine_id = 'bench'
_ENGINE.thread_group_mgr = service.ThreadGroupManager()


def convert(context, stack_id):
    convergence_migrate.convert(context, stack_id)


def floor(_context, stack_id):
    by_hand.convert(stack_id)


def heat(context, stack_id):
    """Heat's Stack.migrate_to_convergence for each stack of a tree.

    Heat's RPC method migrate_convergence_1 runs it outside of a transaction,
    which fails; here is the intended transaction. The locks that the method
    also takes are left out.
    """
    with db_api.context_manager.writer.using(context):
        for stack in _load(context, stack_id):
            stack.migrate_to_convergence()


def load(context, stack_id):
    """Heat loads the stacks of a tree and computes their dependencies."""
    for stack in _load(context, stack_id):
        stack.dependencies


def _load(context, stack_id):
    # As heat.engine.service.EngineService.migrate_convergence_1 does it.
    root = parser.Stack.load(context, stack_id=stack_id)
    nested = stack_object.Stack.get_all_by_root_owner_id(context, stack_id)
    return [parser.Stack.load(context, stack_id=row.id, stack=row)
            for row in nested] + [root]


def batch(context, *stack_ids):
    """Convert a batch; returns how long its transactions held stack locks."""
    begun, locked_ms = [], []

    def executes(_connection, _cursor, statement, *_):
        if statement.startswith('INSERT INTO stack_lock'):
            begun.append(time.perf_counter())

    def committed(*_):
        if begun:
            locked_ms.append((time.perf_counter() - begun.pop()) * 1000)

    listeners = ('before_cursor_execute', executes), ('checkin', committed)
    for listener in listeners:
        sqlalchemy.event.listen(db_api.get_engine(), *listener)
    done = convergence_migrate_batch.convert(context, list(stack_ids))
    for listener in listeners:
        sqlalchemy.event.remove(db_api.get_engine(), *listener)
    if len(done) != len(stack_ids):
        raise ValueError('%d of %d stacks' % (len(done), len(stack_ids)))
    return {'locked_ms': locked_ms}


def read(context, identity):
    """Read a stack, as an update call of Heat's begins."""
    _ENGINE._get_stack(context, identity)


def hook(context, identity):
    """The same with the hook before it."""
    _ENGINE._convert_before_update(context, identity, (), {})
    _ENGINE._get_stack(context, identity)


def update(context, identity, template):
    """An update call, up to the point where the engine answers its caller."""
    _ENGINE.update_stack(context, identity, template, {}, None, {})


def end_updates(_context):
    """Wait for the threads in which the traversals continue."""
    for stack_id in list(_ENGINE.thread_group_mgr.groups):
        _ENGINE.thread_group_mgr.stop(stack_id, graceful=True)


def pages(context):
    """Read all legacy root stacks, as --all does."""
    roots.get_mixed_roots(context)
    page = [None]
    while page:
        page = roots.get_page(context, run.PAGE, page[-1])


def command(_context, tree, *arguments):
    """Run a command with the overlay in a folder, or with none."""
    # A folder without a package heat, because python -c looks there.
    subprocess.run(arguments, cwd=os.sep, check=True, capture_output=True,
                   stdin=subprocess.DEVNULL,
                   env=processes.environment(tree is None, tree))


def store_credentials(context):
    """Store credentials for stacks; returns their id."""
    return {'id': [user_creds.UserCreds.create(context).id]}
