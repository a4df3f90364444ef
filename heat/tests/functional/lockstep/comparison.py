# SPDX-License-Identifier: Apache-2.0

"""Run the same operations on two stacks, which must not differ.

One was created under convergence, the other by the legacy engine and then
converted. Both belong to a synchronous engine, and their resources are
heat.tests.functional.harness.plugins.lockstep.
"""

import collections
import copy

import sqlalchemy

from heat.common.migrate import exception as migrate_exception
from heat.db import models
from heat.engine import convergence_migrate
from heat.tests.functional.harness.plugins import lockstep
from heat.tests.functional.harness import trees
from heat.tests.functional.lockstep import oracle
from heat.tests.functional.lockstep import state as lockstep_state


class Pair:
    """The two stacks, and the template that both have now.

    :param test: a ``synchronous.EngineTestCase``.
    :param template: a ``differential_templates.Template``.
    :ivar operations: a Counter of the operations done so far.
    :ivar tried: a Counter of the rows that the conversion wrote.
    """

    def __init__(self, test, template):
        self.test = test
        self.template = template
        self.operations = collections.Counter()
        self.tried = collections.Counter()
        rendered, files = template.render()
        self.operations['create'] += 1
        self.native, self.converted = (
            test.create(copy.deepcopy(rendered), convergence, files)
            for convergence in (True, False))
        for identity in self.identities:
            row = test.row(identity)
            test.assertEqual('COMPLETE', row['status'], row['status_reason'])

    def convert(self):
        """Convert the legacy stack of the two."""
        self._forget_attributes()
        plan = self.test.convert(self.converted)
        self.tried.update({'converted stacks': len(plan.stacks),
                           'converted resources': plan.resources,
                           'dependencies': plan.edges})
        self.verify('convert')

    @property
    def identities(self):
        return self.native, self.converted

    def _forget_attributes(self):
        """Let the native stack begin with no attribute values in its cache.

        The legacy engine keeps none, and Heat fills them in when a worker has
        checked a resource. Until then it computes them from the definition
        that the resource has been brought up to, natively too: see
        test_an_attribute_that_is_not_in_the_cache.
        """
        rows = trees.read(self.test.database, self.native['stack_id'])
        with self.test.database.engine.begin() as connection:
            connection.execute(sqlalchemy.update(models.Resource).where(
                models.Resource.id.in_([row['id'] for row in rows.resources])
            ).values(attr_data_id=None))

    def _both(self, operation, calls):
        """Call a method for both stacks, and compare the calls of resources.

        :returns: the results of the calls, or the names of their exceptions.
        """
        self.operations[operation] += 1
        results, seen = [], []
        for call in calls:
            del lockstep.calls[:]
            lockstep.interruptions.clear()
            try:
                results.append(call())
            except self.test.failureException:
                raise
            except Exception as exc:
                results.append(type(exc).__name__)
            self.test.heat.run()
            seen.append((lockstep_state.calls_by_resource(),
                         [type(exc).__name__ for exc in
                          self.test.heat.errors]))
            del self.test.heat.errors[:]
        self.test.assertEqual(*seen, operation)
        return results

    def do(self, operation, method, *args, **kwargs):
        """Call a method of the engine for both stacks; compare the ends."""
        ends = self._both(operation, [
            lambda identity=identity: method(self.test.ctx, identity, *args,
                                             **kwargs) and None
            for identity in self.identities])
        self.test.assertEqual(*ends, operation)
        self.compare(operation)

    def compare(self, operation):
        self.test.assertEqual(*[
            lockstep_state.state(self.test, identity)
            for identity in self.identities], operation)
        self.verify(operation)

    def verify(self, operation):
        """Check that verify finds nothing in either stack."""
        for identity in self.identities:
            if not self.test.row(identity)['convergence']:
                continue
            try:
                findings, plan = convergence_migrate.verify(
                    self.test.ctx, identity['stack_id'])
            except migrate_exception.InProgress:
                self.tried['stacks not verified, for they are busy'] += 1
                continue
            self.tried['stacks verified'] += 1
            self.test.assertEqual((), findings, operation)
            self.test.assertTrue(plan.nothing_to_do)

    def compare_rows(self):
        """Compare by the oracle: only while no operation has been done."""
        expected, found = (
            oracle.comparable(self.test.database, identity['stack_id'])
            for identity in self.identities)
        self.test.assertEqual(expected.keys(), found.keys())
        for path, values in expected.items():
            self.test.assertEqual(values, found[path], path)
        tree = trees.read(self.test.database, self.converted['stack_id'])
        self.test.assertEqual(oracle.inverse(tree), oracle.needed_by(tree))
