# SPDX-License-Identifier: Apache-2.0

"""The pieces of work that are compared, on one stack tree each."""

from heat.db import api as db_api
from heat.engine import convergence_migrate
from heat.engine import stack as parser
from heat.objects import stack as stack_object


def convert(context, stack_id):
    """This project's converter, from the first read to the commit."""
    convergence_migrate.convert(context, stack_id)


def heats_own(context, stack_id):
    """Heat's Stack.migrate_to_convergence for each stack of the tree.

    Heat's RPC method migrate_convergence_1 runs it outside of a transaction,
    which fails; this is the transaction that it means. The locks, which the
    method also takes, are left out.
    """
    with db_api.context_manager.writer.using(context):
        for stack in _load(context, stack_id):
            stack.migrate_to_convergence()


def load(context, stack_id):
    """Heat loads the stacks of the tree and computes their dependencies."""
    for stack in _load(context, stack_id):
        stack.dependencies


def _load(context, stack_id):
    # As heat.engine.service.EngineService.migrate_convergence_1 does it.
    root = parser.Stack.load(context, stack_id=stack_id)
    nested = stack_object.Stack.get_all_by_root_owner_id(context, stack_id)
    return [parser.Stack.load(context, stack_id=row.id, stack=row)
            for row in nested] + [root]
