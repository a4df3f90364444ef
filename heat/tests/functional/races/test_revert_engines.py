# SPDX-License-Identifier: Apache-2.0

"""Requests to several engines, and a command that reverts their stacks.

An engine has loaded the stack as convergence, and waits for its row in the
database until the revert is committed.
"""

from heatclient import exc

from heat.tests.functional.harness import case
from heat.tests.functional.harness import databases
from heat.tests.functional.races import test_rolling_upgrade as rolling

_SMALL = case.template('small.yaml')


class _Engines:

    engines = 2
    converted_stacks = {name: _SMALL for name in (
        'patched', 'suspended', 'deleted', 'unprotected')}
    conf = {'convergence_engine': True, 'migrate_on_update': True}

    def lose_to_revert(self, name, operate, *arguments):
        before = self.physical_ids(name)
        operation = self.lose_race('revert-convergence-1', name, operate,
                                   *arguments)
        return operation, before

    def assertLegacy(self, name, physical_ids):
        tree = self.tree(self.stack_id(name))
        self.assertEqual({False}, tree.convergence())
        self.assertEqual(physical_ids, tree.physical_ids())

    def assertRefused(self, name, operate):
        operation, before = self.lose_to_revert(name, operate)
        self.assertRaises(exc.HTTPConflict, operation.result,
                          rolling.PATIENCE)
        self.assertLegacy(name, before)
        # The next request runs.
        operate(self.stack_id(name))

    def test_an_update_runs_as_legacy(self):
        operation, before = self.lose_to_revert('patched', self.patch)
        operation.result(rolling.PATIENCE)
        stack = self.heat.wait_for('patched', 'UPDATE_COMPLETE')
        self.assertEqual('two', stack.parameters['value'])
        self.assertLegacy('patched', before)

    def test_a_suspend_is_refused(self):
        self.assertRefused('suspended', self.heat.client.actions.suspend)
        self.heat.wait_for('suspended', 'SUSPEND_COMPLETE')

    def test_a_delete_is_refused(self):
        stack_id = self.stack_id('deleted')
        self.assertRefused('deleted', self.heat.client.stacks.delete)
        self.heat.wait_for(stack_id, 'DELETE_COMPLETE')


class MySQLTest(_Engines, rolling.LosingTestCase):
    backend = databases.MYSQL


class PostgreSQLTest(_Engines, rolling.LosingTestCase):
    backend = databases.POSTGRESQL
