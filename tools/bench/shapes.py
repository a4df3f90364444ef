# SPDX-License-Identifier: Apache-2.0

"""The stack trees that are measured, by name."""

from tools.bench import stacks

SHAPES = {
    'flat 10': lambda: stacks.flat(10),
    'flat 100': lambda: stacks.flat(100),
    'flat 1000': lambda: stacks.flat(1000),
    'flat 5000': lambda: stacks.flat(5000),
    '100 nested x 10': lambda: stacks.wide(100, 10),
    'depth 5': lambda: stacks.deep(5, 10),
    'neutron 120': lambda: stacks.network(100),
}
"""The last has resources whose plug-ins add dependencies of their own."""

QUICK = ('flat 10', 'flat 1000', '100 nested x 10')

#: The most rounds of these: Heat's own conversion takes 15 seconds.
ROUNDS = {'flat 5000': 3}
