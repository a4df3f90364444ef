# SPDX-License-Identifier: Apache-2.0

"""What the conversion adds to the update call of an engine."""

from oslo_config import cfg

from heat.common import identifier
from heat.engine import convergence_migrate
from heat.engine import service
from tools.bench import counting
from tools.bench import deployment
from tools.bench import side_by_side
from tools.bench import stacks

CASES = (('convergence', 10), ('legacy', 10), ('legacy', 1000))


# Heat's own part of such an update takes many seconds.
_LARGE, _LARGE_ROUNDS = 1000, 3


def run(url, rounds):
    """Measure the hook, and in turn with it the update call it comes before.

    The update is one of a convergence stack, with the template that it has,
    up to the point where the engine answers its caller.

    :param url: SQLAlchemy URL of a database with Heat's schema
    :param rounds: how often each is measured, after one unmeasured round
    :returns: a list of results, one dict for each of CASES
    """
    bench = _Hook(url)
    return [bench.measure(kind, count, min(rounds, _LARGE_ROUNDS)
                          if count >= _LARGE else rounds)
            for kind, count in CASES]


class _Hook(object):
    def __init__(self, url):
        self._site = deployment.Deployment(url)
        self._meter = counting.Meter(self._site.engine)
        self._writer = stacks.Writer(self._site.engine, self._site.creds_id,
                                     deployment.TENANT)
        cfg.CONF.set_override('convergence_engine', True)
        cfg.CONF.set_override('max_resources_per_stack', -1)
        self._engine = service.EngineService('bench', 'bench')
        self._engine.engine_id = 'bench'
        self._engine.thread_group_mgr = service.ThreadGroupManager()

    def measure(self, kind, count, rounds):
        hooks, updates = [], []
        for _ in range(rounds + 1):
            hooks.append(self._hook(stacks.flat(count), kind))
            updates.append(self._update(stacks.flat(count)))
        return {'stack': kind, 'resources': count, 'rounds': rounds,
                'hook': side_by_side.summary(hooks[1:]),
                'update': side_by_side.summary(updates[1:]),
                'hook to update': side_by_side.ratio(hooks[1:], updates[1:])}

    def _hook(self, node, kind):
        context, identity = self._store(node, kind)
        with self._meter.measure() as cost:
            self._engine._convert_before_update(context, identity, (), {})
        return cost

    def _update(self, node):
        context, identity = self._store(node, 'convergence')
        with self._meter.measure() as cost:
            self._engine.update_stack(context, identity, node.template, {},
                                      None, {})
        # The traversal goes on in a thread.
        self._engine.thread_group_mgr.stop(node.id, graceful=True)
        return cost

    def _store(self, node, kind):
        self._writer.remove()
        self._writer.write([node])
        if kind == 'convergence':
            convergence_migrate.convert(self._site.context(), node.id)
        return self._site.context(), dict(identifier.HeatIdentifier(
            deployment.TENANT, node.name, node.id))
