# SPDX-License-Identifier: Apache-2.0

"""The parts of the benchmark: what is measured in turn, for each case.

A part has the names of its cases, and those that are measured far from the
database as well. Its function takes a Site, an earlier.Revision, a case and a
number of rounds. It returns what Meter.in_turn returns.
"""

import functools
import typing

import sqlalchemy

from heat.cmd.migrate import run
from heat.cmd.migrate import workers
from heat.common import identifier
from heat.common.migrate import memory as migrate_memory
from heat.db import api as db_api
from heat.db.migrate import roots as migrate_roots
from heat.engine import convergence_migrate
from heat.engine import convergence_migrate_batch
from heat.engine import service
from heat.engine import stack as parser
from heat.objects import stack as stack_object
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import processes
from tools.bench import commands
from tools.bench import earlier
from tools.bench import engines
from tools.bench import floor
from tools.bench import meter
from tools.bench import shapes
from tools.bench import site
from tools import written_trees

# Heat takes minutes for trees of more resources, also to load them.
_HEATS_OWN = 1200


# The stacks of a fleet, in all rounds, with a round for a larger one.
_FLEETS = 3000


_SELECT_1 = sqlalchemy.text('SELECT 1')


class Part(typing.NamedTuple):
    cases: tuple
    measure: typing.Callable
    far: tuple = ()
    backends: tuple = databases.BACKENDS


class Disagreement(Exception):
    """Not all have converted the same."""


def _load(context, stack_id):
    # As heat.engine.service.EngineService.migrate_convergence_1 does it.
    root = parser.Stack.load(context, stack_id=stack_id)
    nested = stack_object.Stack.get_all_by_root_owner_id(context, stack_id)
    return [parser.Stack.load(context, stack_id=row.id, stack=row)
            for row in nested] + [root]


def _heats_load(context, stack_id):
    """Heat loads the stacks of a tree and computes their dependencies."""
    for stack in _load(context, stack_id):
        stack.dependencies


def _heats_own(context, stack_id):
    """Heat's Stack.migrate_to_convergence for each stack of a tree.

    Heat's RPC method migrate_convergence_1 runs it outside of a transaction,
    which fails; here is the intended transaction. The locks that the method
    also takes are left out.
    """
    with db_api.context_manager.writer.using(context):
        for stack in _load(context, stack_id):
            stack.migrate_to_convergence()


def _by_hand(_context, stack_id):
    floor.convert(db_api.get_engine(), stack_id)


def _each(here, function, ids):
    """A function that calls one for each of some stacks."""
    def run():
        for stack_id in ids:
            function(here.context(), stack_id)
    return run


def tree(here, before, case, rounds):
    """One stack tree: this conversion, Heat's own, Heat's load, the floor."""
    root = shapes.SHAPES[case]()
    here.writer.write([root])
    converting = {'convert': convergence_migrate.convert}
    if not case.startswith('neutron'):
        # The dependencies that plug-ins add are not in the template.
        converting['floor'] = _by_hand
    if root.size <= _HEATS_OWN:
        converting['heat'] = _heats_own
    written = []
    for function in converting.values():
        here.writer.reset()
        function(here.context(), root.id)
        written.append(here.writer.requirements())
    if written.count(written[0]) != len(written):
        raise Disagreement(case)
    if 'heat' in converting:
        converting['load'] = _heats_load
    # As a started engine does.
    migrate_memory.freeze()
    subjects = {name: _each(here, function, [root.id])
                for name, function in converting.items()}
    subjects['before'] = before.work('convert', root.id)
    return here.meter.in_turn(rounds, subjects, here.writer.reset)


def batch(here, before, case, rounds):
    """Small stacks in one process: one by one, in batches, and the floor."""
    nodes = [shapes.flat(5) for _ in range(int(case))]
    here.writer.write(nodes)
    ids = [node.id for node in nodes]

    locks = meter.LockTimes(here.engine)
    locked = []

    def together():
        locks.ms.clear()
        for start in range(0, len(ids), workers.BATCH):
            part = ids[start:start + workers.BATCH]
            if len(part) != len(convergence_migrate_batch.convert(
                    here.context(), part)):
                raise Disagreement(case)
        locked.append(list(locks.ms))

    migrate_memory.freeze()
    costs = here.meter.in_turn(rounds, {
        'alone': _each(here, convergence_migrate.convert, ids),
        'batch': together, 'floor': _each(here, _by_hand, ids),
        'before': before.work('convert', *ids)}, here.writer.reset)
    costs['batch']['locked_ms'] = sum(locked[-rounds:], [])
    return costs


def hook(here, before, case, rounds):
    """What an update call begins with: Heat's reading, and with the hook.

    The floor is the reading with another SELECT. The call itself is one for a
    convergence stack, with the template that it has, up to the point where
    the engine answers its caller.
    """
    kind, size = case.split()
    calls = 1
    if kind == 'convergence':
        # One takes less than a millisecond.
        calls, rounds = 20, max(rounds, 15)
    engine = service.EngineService('bench', 'bench')
    engine.engine_id = 'bench'
    engine.thread_group_mgr = service.ThreadGroupManager()
    # An update changes its stack, so each has one of its own.
    nodes = [shapes.flat(int(size)) for _ in range(rounds + 2)]
    here.writer.write(nodes)
    first = nodes.pop()

    def identity(node):
        return dict(identifier.HeatIdentifier(
            written_trees.TENANT, node.name, node.id))

    def reset():
        # The traversal of the last update continues in a thread.
        for node_id in list(engine.thread_group_mgr.groups):
            engine.thread_group_mgr.stop(node_id, graceful=True)
        here.writer.reset()
        converted = nodes[-1:] + [first] * (kind == 'convergence')
        for node in converted:
            convergence_migrate.convert(here.context(), node.id)

    def read(with_hook):
        for _ in range(calls):
            context = here.context()
            if with_hook:
                engine._convert_before_update(context, identity(first), (), {})
            engine._get_stack(context, identity(first))

    def least():
        for _ in range(calls):
            context = here.context()
            with db_api.context_manager.reader.using(context) as session:
                engine._get_stack(context, identity(first))
                session.execute(_SELECT_1).first()

    def call():
        node = nodes.pop()
        engine.update_stack(here.context(), identity(node), node.template, {},
                            None, {})

    migrate_memory.freeze()
    costs = here.meter.in_turn(rounds, {
        'read': lambda: read(False), 'hook': lambda: read(True),
        'call': call, 'floor': least,
        'before': before.work('hook', first.id, first.name, calls)}, reset)
    for subject in ('read', 'hook', 'floor', 'before'):
        costs[subject] = {
            what: [cost if cost is None else cost / calls for cost in found]
            for what, found in costs[subject].items()}
    return costs


def roots(here, before, case, _rounds):
    """Read all legacy root stacks, as --all does."""
    here.writer.write([written_trees.Node({}) for _ in range(int(case))])

    def read():
        found = migrate_roots.get_mixed_roots(here.context())
        page = [None]
        while page:
            page = migrate_roots.get_page(here.context(), run.PAGE, page[-1])
            found += page
        if len(found) != int(case):
            raise Disagreement(case)

    return here.meter.in_turn(1, {'now': read, 'before': before.work('pages')},
                              lambda: None)


def fleet(here, _before, case, rounds):
    """heat-manage on a cloud of small stacks, with 1 and 2 workers."""
    here.writer.write([shapes.flat(5) for _ in range(int(case))])
    with commands.Commands(here.url) as command:
        def convert(workers):
            return lambda: command.migrate('--all', '--workers', workers)

        return here.meter.in_turn(
            max(1, min(rounds, _FLEETS // int(case))),
            {'1 worker': convert('1'), '2 workers': convert('2')},
            here.writer.reset, warm_up=0)


def start(here, before, case, rounds):
    """Import the package heat, or start a dry run of one stack."""
    root = shapes.flat(5)
    here.writer.write([root])
    with commands.Commands(here.url) as command:
        def run_in(tree):
            if case == 'import':
                return lambda: command.python('import heat', tree=tree)
            return lambda: command.migrate('--dry-run', root.id, tree=tree)

        subjects = {'now': run_in(processes.TREE),
                    'before': run_in(before.folder)}
        if case == 'import':
            subjects['stock'] = run_in(None)
        return here.meter.in_turn(max(rounds, 5), subjects, lambda: None)


def memory(_here, before, case, rounds):
    """Private memory of the workers of an engine, with and without us."""
    return engines.measure(before.folder, rounds)


PARTS = {
    'tree': Part(tuple(shapes.SHAPES), tree, far=('flat 5', 'flat 1000')),
    'batch': Part(('100',), batch, far=('100',)),
    'hook': Part(('convergence 10', 'legacy 10', 'legacy 1000'), hook),
    'fleet': Part(('1000', '10000'), fleet, far=('1000',)),
    'roots': Part(('100000',), roots, backends=(databases.MYSQL,)),
    'start': Part(('import', 'dry run'), start, backends=(databases.MYSQL,)),
    'memory': Part(('2 workers',), memory, backends=(databases.MYSQL,)),
}


@functools.lru_cache
def _sites(url, added_ms, folder):
    return site.Site(url, added_ms), earlier.Revision(folder, url, added_ms)


def measure(url, added_ms, folder, part, case, rounds):
    """Measure a case of a part; a process can do this for one database.

    :param url: SQLAlchemy URL of a database with Heat's schema
    :param folder: where earlier.check_out has written
    """
    here, before = _sites(url, added_ms, folder)
    here.writer.remove()
    return PARTS[part].measure(here, before, case, rounds)
