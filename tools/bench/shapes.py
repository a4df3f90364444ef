# SPDX-License-Identifier: Apache-2.0

"""The shapes of the trees that are measured."""

from tools import written_trees

# Resources of one group depend on the first of it.
_GROUP = 10


def _resources(count):
    """A chain of groups; in a group all depend on the first, some on two.

    Half of the dependencies are depends_on and half are get_resource.
    """
    resources = {}
    for i in range(count):
        first = i - i % _GROUP
        required = {first} if first != i else {i - _GROUP}
        if i % 3 == 0:
            required.add(i - 1)
        names = ['r%d' % n for n in sorted(required) if n >= 0]
        by_reference = i % 2
        resources['r%d' % i] = {
            'type': 'OS::Heat::Value',
            'depends_on': [] if by_reference else names,
            'properties': {'value': {
                'number': i,
                'of': [{'get_resource': name} for name in names]
                if by_reference else []}}}
    return resources


def flat(count):
    """One stack with a number of resources."""
    return written_trees.Node(_resources(count))


def wide(stacks, count):
    """A root stack with a number of nested stacks of equal size."""
    nested = {'m%d' % i: flat(count) for i in range(stacks)}
    return written_trees.Node(
        {name: _provider(i) for i, name in enumerate(nested)}, nested)


def deep(levels, count):
    """Stacks of equal size, each with the next one nested in it."""
    node = flat(count)
    for _ in range(levels - 1):
        node = written_trees.Node({**_resources(count), 'next': _provider(0)},
                                  {'next': node})
    return node


def _provider(number):
    return {'type': 'member.yaml', 'properties': {'number': number}}


def network(ports):
    """Networks, subnets and ports: plug-ins add dependencies of their own."""
    resources = {}
    for i in range(ports):
        net = 'net%d' % (i - i % _GROUP)
        if i % _GROUP == 0:
            resources[net] = {'type': 'OS::Neutron::Net'}
            resources['sub' + net] = {
                'type': 'OS::Neutron::Subnet', 'properties': {
                    'network': {'get_resource': net}, 'cidr': '10.0.0.0/24'}}
        resources['port%d' % i] = {
            'type': 'OS::Neutron::Port',
            'properties': {'network': {'get_resource': net}}}
    return written_trees.Node(resources)


SHAPES = {
    'flat 5': lambda: flat(5),
    'flat 100': lambda: flat(100),
    'flat 1000': lambda: flat(1000),
    'flat 5000': lambda: flat(5000),
    'depth 5': lambda: deep(5, 10),
    '100 nested x 10': lambda: wide(100, 10),
    '2000 nested x 5': lambda: wide(2000, 5),
    'neutron 120': lambda: network(100),
}
