# SPDX-License-Identifier: Apache-2.0

"""Reasons against a verification, a repair or a revert."""

from heat.common import exception
from heat.engine import convergence_migrate
from heat.engine import stack as parser
from heat.rpc import api as rpc_api
from heat.tests.functional.remedies import case
from heat.tests import releases

ASKING = case.Asking.TYPE


class OtherWaysTest(case.RemedyTestCase):

    def test_legacy(self):
        identity = self.create(case.template(a={}))
        self.refused(identity, 'legacy', convergence_migrate.check_rows)
        self.assertConverts(identity)
        convergence_migrate.check_rows(self.ctx, identity['stack_id'])

    def test_rows_differ(self):
        identity = self.create(case.template(a={}, b={}))
        # As in the command of Heat 19 to 21, with Heat's own method.
        parser.Stack.load(
            self.ctx, identity['stack_id']).migrate_to_convergence()
        self.assertIn('--repair', self.refused(
            identity, 'rows_differ', convergence_migrate.check_rows))
        convergence_migrate.repair(self.ctx, identity['stack_id'])
        convergence_migrate.check_rows(self.ctx, identity['stack_id'])
        self.update(identity, case.template(b={}))

    def test_circular_dependencies(self):
        """Another release of a plug-in turns a dependency round."""
        identity = self.create(case.template(kind=ASKING, a={}, b={}))
        with self.asking(need=lambda member: {'b': 'a'}.get(member.name)):
            self.convert(identity)
        with self.asking(need=lambda member: {'a': 'b'}.get(member.name)):
            self.refused(identity, 'circular_dependencies',
                         convergence_migrate.repair)
            self.assertReverts(identity)
            self.assertConverts(identity)

    def test_replaced_resources(self):
        def fail(member):
            raise exception.Error('in use')

        identity = self.create(case.half_replaced('x', kind=ASKING),
                               convergence=True)
        with self.asking(deleted=fail):
            self.update(identity, case.half_replaced('y', kind=ASKING),
                        'UPDATE_FAILED')
        self.check(identity)
        self.refused(identity, 'replaced_resources',
                     convergence_migrate.revert)
        self.update(identity, case.half_replaced('y', kind=ASKING))
        self.assertReverts(identity)

    @releases.by_resource
    def test_snapshots(self):
        identity = self.create(case.template(a={}), convergence=True)
        snapshot = self.heat.stack_snapshot(self.ctx, identity, 'one')
        self.finish(identity)
        self.refused(identity, 'snapshots', convergence_migrate.revert)
        self.heat.delete_snapshot(self.ctx, identity,
                                  snapshot[rpc_api.SNAPSHOT_ID])
        self.finish(identity)
        self.assertReverts(identity)
