# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

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

#: At most so many rounds of these: Heat's own takes a quarter of a minute.
ROUNDS = {'flat 5000': 3}
