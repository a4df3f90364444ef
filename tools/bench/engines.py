# SPDX-License-Identifier: Apache-2.0

"""Private memory of the workers of an engine."""

import psutil

from heat.db import models
from heat.tests.functional.harness import processes
from tools.bench import shapes

_WORKERS = 2
_STACKS = 3
_RESOURCES = 20


def measure(heat, tree, converts):
    """Measure an engine after its start, and after some operations.

    :param heat: a deployment without engines
    :param tree: the folder of the overlay, or None
    :param converts: the value of migrate_on_update
    :returns: {'start_mb', 'later_mb'}, a value for each worker
    """
    engine, = heat.start_engines(
        1, stock=tree is None, tree=tree, num_engine_workers=_WORKERS,
        migrate_on_update=converts)
    processes.wait_until(
        lambda: len(heat.database.rows(
            models.Service, host=engine.name)) == _WORKERS, 'second worker')
    start = _megabytes(engine)
    template = shapes.flat(_RESOURCES).template
    for number in range(_STACKS):
        name = '%s-%d' % (engine.name, number)
        heat.client.stacks.create(stack_name=name, template=template)
        heat.wait_for(name, 'CREATE_COMPLETE')
        heat.client.stacks.update(name, template=template)
        heat.wait_for(name, 'UPDATE_COMPLETE')
    later = _megabytes(engine)
    heat.kill_engines([engine])
    return {'start_mb': start, 'later_mb': later}


def _megabytes(engine):
    return [worker.memory_full_info().uss / 2 ** 20
            for worker in psutil.Process(engine.pid).children()]
