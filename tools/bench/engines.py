# SPDX-License-Identifier: Apache-2.0

"""Private memory of the workers of an engine."""

import glob
import pathlib

from heat.db import models
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import deployment
from heat.tests.functional.harness import processes
from tools.bench import shapes

_WORKERS = 2
_STACKS = 3
_RESOURCES = 20


def measure(before, rounds):
    """Measure an engine after its start, and after some operations.

    :param before: the folder of the overlay of the earlier revision
    :returns: {name: {'start_mb', 'later_mb'}}, a value for each worker
    """
    found = {}
    with deployment.Deployment(databases.MYSQL,
                               convergence_engine=True) as heat:
        # The API of the deployment needs one until here.
        heat.kill_engines()
        for _ in range(rounds):
            for name, tree, converts in (
                    ('stock', None, False), ('off', processes.TREE, False),
                    ('now', processes.TREE, True), ('before', before, True),
                    ('before, off', before, False)):
                start, later = _measure(heat, tree, converts)
                costs = found.setdefault(name, {'start_mb': [],
                                                'later_mb': []})
                costs['start_mb'] += start
                costs['later_mb'] += later
    return found


def _measure(heat, tree, converts):
    engine, = heat.start_engines(
        1, stock=tree is None, tree=tree, num_engine_workers=_WORKERS,
        **{'migrate_on_update': True} if converts else {})
    processes.wait_until(
        lambda: len(heat.database.rows(
            models.Service, host=engine.name)) == _WORKERS, 'second worker')
    start = _private(engine.pid)
    template = shapes.flat(_RESOURCES).template
    for number in range(_STACKS):
        name = '%s-%d' % (engine.name, number)
        heat.client.stacks.create(stack_name=name, template=template)
        heat.wait_for(name, 'CREATE_COMPLETE')
        heat.client.stacks.update(name, template=template)
        heat.wait_for(name, 'UPDATE_COMPLETE')
    later = _private(engine.pid)
    heat.kill_engines([engine])
    return start, later


def _private(master):
    """Private megabytes of each worker of an engine."""
    # Any thread may have started them.
    workers = [worker for children in glob.glob(
        '/proc/%d/task/*/children' % master)
        for worker in pathlib.Path(children).read_text().split()]
    if len(workers) != _WORKERS:
        raise LookupError('The engine has %d workers' % len(workers))
    return [_megabytes(worker) for worker in workers]


def _megabytes(process):
    with open('/proc/%s/smaps_rollup' % process) as memory:
        return sum(int(line.split()[1]) for line in memory
                   if line.startswith('Private_')) / 1024
