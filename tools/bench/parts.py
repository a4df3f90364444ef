# SPDX-License-Identifier: Apache-2.0

"""The parts of the benchmark: what is measured in turn, for each case.

Each gets a tools.bench.site.Site, a case and a number of rounds.
"""

import functools
import random
import sys

from heat.cmd.migrate import workers
from heat.common import identifier
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import deployment
from heat.tests.functional.harness import processes
from tools.bench import engines
from tools.bench import shapes
from tools import written_trees

# Heat takes minutes for trees of more resources, also to load them.
_HEATS_OWN = 1200

# The stacks of a fleet, in all rounds, with a round for a larger one.
_FLEETS = 3000


def _in_turn(rounds, contestants, prepare=lambda: None, warm_up=1):
    """Measure contestants in turn; each round has them in another order.

    :param contestants: {name: function that returns {what: list}}
    :param prepare: a function to call before each of them
    :param warm_up: how many rounds before are not measured
    :returns: {name: {what: list}}, with what all the rounds have measured
    """
    # The same orders in each run.
    order = random.Random(0)
    names = list(contestants)
    found = {name: {} for name in names}
    for number in range(-warm_up, rounds):
        order.shuffle(names)
        for name in names:
            prepare()
            measured = contestants[name]()
            if number >= 0:
                for what, values in measured.items():
                    found[name].setdefault(what, []).extend(values)
    return found


def tree(here, case, rounds):
    """One stack tree: this conversion, Heat's own, Heat's load, the floor."""
    root = shapes.SHAPES[case]()
    here.writer.write([root])
    names = ['convert']
    if not case.startswith('neutron'):
        # The dependencies that plug-ins add are not in the template.
        names.append('floor')
    if root.size <= _HEATS_OWN:
        names.append('heat')
    _compare(here, names, root.id)
    if 'heat' in names:
        names.append('load')
    contestants = {name: here.now.contestant(name, [root.id])
                   for name in names}
    contestants['before'] = here.before.contestant('convert', [root.id])
    return _in_turn(rounds, contestants, here.writer.reset)


def _compare(here, names, stack_id):
    written = []
    for name in names:
        here.writer.reset()
        here.now.measure(name, [stack_id])
        written.append(here.writer.requirements())
    if written.count(written[0]) != len(written):
        raise ValueError('Not all have written the same: %s' % names)


def batch(here, case, rounds):
    """Small stacks in one process: one by one, in batches, and the floor."""
    nodes = [shapes.flat(5) for _ in range(int(case))]
    here.writer.write(nodes)
    ids = [node.id for node in nodes]
    single = [[stack_id] for stack_id in ids]
    batches = [ids[start:start + workers.BATCH]
               for start in range(0, len(ids), workers.BATCH)]
    return _in_turn(rounds, {
        'alone': here.now.contestant('convert', *single),
        'batch': here.now.contestant('batch', *batches),
        'floor': here.now.contestant('floor', *single),
        'before': here.before.contestant('convert', *single)},
        here.writer.reset)


def hook(here, case, rounds):
    """What an update call begins with: Heat's reading, and with the hook."""
    kind, size = case.split()
    times = 1
    if kind == 'convergence':
        # One takes less than a millisecond.
        times, rounds = 20, max(rounds, 15)
    # An update changes its stack, so each has one of its own.
    first, *nodes = [shapes.flat(int(size)) for _ in range(rounds + 2)]
    here.writer.write([first] + nodes)

    def prepare():
        here.now.measure('end_updates', [])
        here.writer.reset()
        for node in nodes[-1:] + [first] * (kind == 'convergence'):
            here.now.measure('convert', [node.id])

    def call():
        node = nodes.pop()
        return here.now.measure('update', [_identity(node), node.template])

    calls = [[_identity(first)]] * times
    return _in_turn(rounds, {
        'read': here.now.contestant('read', *calls, each=times),
        'hook': here.now.contestant('hook', *calls, each=times),
        'call': call,
        'before': here.before.contestant('hook', *calls, each=times)}, prepare)


def _identity(node):
    return dict(identifier.HeatIdentifier(written_trees.TENANT, node.name,
                                          node.id))


def roots(here, case, _rounds):
    """Read all legacy root stacks, as --all does."""
    here.writer.write([written_trees.Node({}) for _ in range(int(case))])
    return _in_turn(1, {'now': here.now.contestant('pages', []),
                        'before': here.before.contestant('pages', [])})


def fleet(here, case, rounds):
    """heat-manage on a cloud of small stacks, with 1 and 2 workers."""
    here.writer.write([shapes.flat(5) for _ in range(int(case))])
    return _in_turn(
        max(1, min(rounds, _FLEETS // int(case))),
        {name: here.now.contestant('command', [
            here.now.tree, *_migrate(here, '--all', '--workers', count)])
         for name, count in (('1 worker', '1'), ('2 workers', '2'))},
        here.writer.reset, warm_up=0)


def _migrate(here, *arguments):
    return (processes.command('heat-manage'), '--config-file',
            here.now.heat_conf, 'migrate-convergence-1', *arguments)


def start(here, case, rounds):
    """Import the package heat, or start a dry run of one stack."""
    trees = {'now': here.now.tree, 'before': here.before.tree}
    if case == 'import':
        command = sys.executable, '-c', 'import heat'
        trees['stock'] = None
    else:
        root = shapes.flat(5)
        here.writer.write([root])
        command = _migrate(here, '--dry-run', root.id)
    return _in_turn(max(rounds, 5), {
        name: here.now.contestant('command', [tree, *command])
        for name, tree in trees.items()})


def memory(here, _case, rounds):
    """Private memory of the workers of an engine, with and without us."""
    now, before = here.now.tree, here.before.tree
    with deployment.Deployment(databases.MYSQL,
                               convergence_engine=True) as heat:
        # The API of the deployment needs one until here.
        heat.kill_engines()
        return _in_turn(rounds, {
            name: functools.partial(engines.measure, heat, tree, converts)
            for name, tree, converts in (
                ('stock', None, False), ('off', now, False),
                ('now', now, True), ('before', before, True),
                ('before, off', before, False))}, warm_up=0)


#: {name: (its function, its cases)}
PARTS = {
    'tree': (tree, tuple(shapes.SHAPES)),
    'batch': (batch, ('100',)),
    'hook': (hook, ('convergence 10', 'legacy 10', 'legacy 1000')),
    'fleet': (fleet, ('1000', '10000')),
    'roots': (roots, ('100000',)),
    'start': (start, ('import', 'dry run')),
    'memory': (memory, ('2 workers',))}

_FAR = ('flat 5', 'flat 1000', '100', '1000')
_MYSQL_ONLY = ('roots', 'start', 'memory')


def cases(part, backend, added_ms):
    """Name the cases of a part for a database, near or far."""
    if (added_ms and backend == databases.SQLITE) or (
            part in _MYSQL_ONLY and backend != databases.MYSQL):
        return []
    return [case for case in PARTS[part][1] if not added_ms or case in _FAR]


def measure(here, part, case, rounds):
    """Measure a case of a part: {contestant: {what: list}}."""
    here.writer.remove()
    return PARTS[part][0](here, case, rounds)
