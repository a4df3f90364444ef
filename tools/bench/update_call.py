# SPDX-License-Identifier: Apache-2.0

"""What the hook costs a stack that is convergence already.

Against a whole Heat (API, message broker and engine as processes): the time
of the update request as its user sees it, and in turn with it the time of
what the hook asks the same database about the same stack. Once with a
Keystone, the default policies and trusts, as in production, and once with
none, which is the least that a request can take.
"""

import time

from oslo_config import cfg

from heat.engine import service
from heat.tests.functional.harness import deployment as functional
from heat.tests.functional.harness import keystone_fixture
from tools.bench import counting
from tools.bench import deployment
from tools.bench import side_by_side
from tools.bench import stacks

_RESOURCES = 10

# The hook takes about a millisecond: the mean of this number is measured.
_CALLS = 20

DEPLOYMENTS = {'keystone': keystone_fixture.KeystoneDeployment,
               'noauth': functional.Deployment}


def run(backend, identity, rounds):
    """Measure on one database server, in the calling process.

    :param backend: a backend of heat.tests.functional.harness.databases
    :param identity: who knows the users, one of DEPLOYMENTS
    :param rounds: how many update requests are made
    :returns: one result, a dict
    """
    with DEPLOYMENTS[identity](backend, convergence_engine=True,
                               migrate_on_update=True) as heat:
        template = stacks.flat(_RESOURCES).template
        heat.client.stacks.create(stack_name='bench', template=template)
        stack = heat.wait_for('bench', 'CREATE_COMPLETE')
        hook = _Hook(heat.database.url, stack)
        hooks, requests = [], []
        for _ in range(rounds + 1):
            hooks.append(hook.measure())
            requests.append(_request(heat, template))
            heat.wait_for('bench', 'UPDATE_COMPLETE')
    return {'identity': identity, 'resources': _RESOURCES, 'rounds': rounds,
            'hook': side_by_side.summary(hooks[1:]),
            'request': side_by_side.summary(requests[1:]),
            'hook to request': side_by_side.ratio(hooks[1:], requests[1:])}


def _request(heat, template):
    start = time.perf_counter()
    heat.client.stacks.update('bench', template=template)
    return counting.Cost(seconds=time.perf_counter() - start)


class _Hook(object):
    def __init__(self, url, stack):
        self._site = deployment.Deployment(url)
        self._meter = counting.Meter(self._site.engine)
        cfg.CONF.set_override('convergence_engine', True)
        cfg.CONF.set_override('migrate_on_update', True)
        self._engine = service.EngineService('bench', 'bench')
        self._identity = {'stack_id': stack.id}

    def measure(self):
        context = self._site.context()
        with self._meter.measure() as cost:
            for _ in range(_CALLS):
                self._engine._convert_before_update(context, self._identity,
                                                    (), {})
        cost.seconds /= _CALLS
        cost.statements //= _CALLS
        return cost
