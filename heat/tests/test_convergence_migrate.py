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

from heat.common import migrate_exception
from heat.engine import convergence_migrate
from heat.objects import event as event_object
from heat.objects import resource as resource_object
from heat.objects import stack as stack_object
from heat.tests import common
from heat.tests import migrate_fixtures
from heat.tests import utils


class ConvertTest(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.ctx = utils.dummy_context()

    def _legacy(self, requirements, **kwargs):
        return migrate_fixtures.create_legacy(
            self.ctx, migrate_fixtures.template_of(requirements), **kwargs)

    def _resources(self, stack):
        return resource_object.Resource.get_all_by_stack(self.ctx, stack.id)

    def test_convert_makes_a_convergence_stack(self):
        stack = self._legacy({'a': []})
        convergence_migrate.convert(self.ctx, stack.id)
        row = stack_object.Stack.get_by_id(self.ctx, stack.id)
        self.assertTrue(row.convergence)
        self.assertEqual(36, len(row.current_traversal))
        a = self._resources(stack)['a']
        self.assertEqual({'edges': [[[a.id, True], None]]}, row.current_deps)
        self.assertEqual(row.raw_template_id, a.current_template_id)

    def test_requires_and_needed_by_are_inverse(self):
        stack = self._legacy(migrate_fixtures.TEMPLATES['diamond'])
        convergence_migrate.convert(self.ctx, stack.id)
        rows = self._resources(stack)
        ids = {name: row.id for name, row in rows.items()}
        self.assertEqual({'a': [], 'b': [ids['a']], 'c': [ids['a']],
                          'd': sorted([ids['b'], ids['c']], reverse=True)},
                         {name: row.requires for name, row in rows.items()})
        self.assertEqual({'a': sorted([ids['b'], ids['c']], reverse=True),
                          'b': [ids['d']], 'c': [ids['d']], 'd': []},
                         {name: row.needed_by for name, row in rows.items()})

    def test_convert_leaves_one_event(self):
        stack = self._legacy({'a': []})
        before = event_object.Event.count_all_by_stack(self.ctx, stack.id)
        convergence_migrate.convert(self.ctx, stack.id)
        self.assertEqual(
            before + 1,
            event_object.Event.count_all_by_stack(self.ctx, stack.id))
