# SPDX-License-Identifier: Apache-2.0

"""A converted stack behaves as one that convergence created.

Random templates and operations. CI runs a few fixed examples.
tools/differential.py runs many, different each time.
"""

import logging
import os

import hypothesis
from hypothesis import strategies

from heat.cmd.migrate import acting
from heat.cmd.migrate import actions
from heat.cmd.migrate import outcome
from heat.cmd.migrate import run
from heat.engine import resource
from heat.tests.functional.harness import databases
from heat.tests.functional.harness.plugins import lockstep as plugin
from heat.tests.functional.harness import synchronous
from heat.tests.functional.lockstep import figures
from heat.tests.functional.lockstep import operations as lockstep_operations
from heat.tests.functional.lockstep import templates
from heat.tests import releases

EXAMPLES = int(os.environ.get('HEAT_TEST_EXAMPLES', 0))
FIXED_EXAMPLES = 8

SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES or FIXED_EXAMPLES, derandomize=not EXAMPLES,
    deadline=None, database=None, phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck))

OPERATIONS = strategies.lists(
    strategies.tuples(strategies.sampled_from(lockstep_operations.OPERATIONS),
                      strategies.integers(0, 11)),
    min_size=1, max_size=6)


class DifferentialTestCase(synchronous.EngineTestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(databases.ForeignKeys(self.database.engine))
        resource._register_class(plugin.TYPE, plugin.Lockstep)
        # Failed operations are logged with their tracebacks, which takes
        # longer than everything else.
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def play(self, template, operations, snapshot_first=False):
        """Compare a native and a converted stack until their deletion.

        :returns: the ``lockstep_operations.Pair``
        """
        pair = self.operate(template, operations, snapshot_first)
        pair.delete()
        return pair

    def operate(self, template, operations, snapshot_first=False):
        """As :meth:`play`, but do not delete them."""
        pair = lockstep_operations.Pair(self, template)
        if snapshot_first:
            pair.snapshot()
        pair.convert()
        if not snapshot_first:
            # A snapshot under convergence leaves rows of its own.
            pair.compare_rows()
        for operation, number in operations:
            getattr(pair, operation)(number)
        return pair


class DifferentialTest(DifferentialTestCase):

    def setUp(self):
        super().setUp()
        self.figures = figures.Figures(
            os.environ.get('HEAT_TEST_FIGURES'))

    def test_converted_stack_lives_as_a_native_one(self):
        test = SETTINGS(hypothesis.given(
            templates.templates(), OPERATIONS, strategies.booleans())(
                self.compare))
        if EXAMPLES:
            test = hypothesis.seed(
                int(os.environ['HEAT_TEST_SEED']))(test)
        test()
        self.assertEqual([], self.figures.differences)

    def compare(self, template, operations, snapshot_first):
        self.empty_database()
        try:
            pair = self.play(template, operations, snapshot_first)
        except Exception as exc:
            if not EXAMPLES:
                raise
            # A long run continues, and reports all differences.
            self.figures.add_difference(
                (template, operations, snapshot_first), exc)
        else:
            self.figures.add(template, pair)


class EveryOperationTest(DifferentialTestCase):
    """Each operation once; verify finds nothing after any."""

    def test_each_operation(self):
        node, recorder = templates.Node, templates.RECORDER
        template = templates.Template({
            'r0': node(recorder),
            'r1': node(recorder, links={'r0': templates.DEPENDS_ON}),
            'r2': node(recorder, conditional=True,
                       links={'r1': templates.ATTRIBUTE}),
            'r3': node(templates.GROUP, count=2,
                       links={'r2': templates.DEPENDS_ON}),
            'r4': node(templates.NESTED, child=templates.Template({
                'leaf': node(recorder)}),
                links={'r0': templates.REFERENCE})})
        pair = self.operate(template, [
            ('change', 0), ('change_below', 4), ('replace', 0),
            ('replace', 3), ('rename', 0), ('unlink', 1), ('switch', 0),
            ('switch', 0), ('scale', 0), ('scale', 1), ('mark_unhealthy', 0),
            ('change', 1), ('fail', 0), ('check', 0), ('change', 0),
            ('roll_back', 0), ('cancel', 0), ('change', 0), ('suspend', 0),
            ('resume', 0), ('snapshot', 0), ('add', 0), ('restore', 0),
            ('delete_snapshot', 0), ('remove', 0)])
        # As heat-manage migrate-convergence-1 --verify --all.
        self.assertEqual([(outcome.OK, None)] * 2, [
            (done.outcome, done.message) for done in (
                acting.act(actions.VERIFY, stack)
                for stack in run.all_stacks(self.ctx, convergence=True))])
        pair.delete()
        self.assertEqual(
            {name.replace('_', ' ') for name in
             lockstep_operations.OPERATIONS} | {'create', 'delete'},
            pair.operations.keys())
        self.assertGreater(pair.tried['stacks verified'], 20)


class FoundTest(DifferentialTestCase):
    """Differences that long runs have found, by name."""

    def test_an_attribute_that_is_not_in_the_cache(self):
        # After the update, "above" still has the definition that names what
        # is renamed, since nothing else of it has changed. What Heat computes
        # from that is another value than the one that it may have cached.
        node, recorder = templates.Node, templates.RECORDER
        template = templates.Template({
            'below': node(templates.NESTED, child=templates.Template({
                'leaf': node(recorder),
                'other': node(recorder, links={'leaf': templates.REFERENCE})},
                cfn=True)),
            'above': node(recorder, links={'below': templates.REFERENCE}),
            'top': node(recorder, links={'above': templates.REPLACE})},
            cfn=True)
        for snapshot_first in (False, True):
            self.play(template, [('rename', 0)], snapshot_first)
            self.empty_database()

    @releases.by_resource
    def test_a_snapshot_after_a_cancelled_update(self):
        # It tries to delete a template that a resource still has. SQLite would
        # let it, and then no operation on the stack would end.
        node, recorder = templates.Node, templates.RECORDER
        template = templates.Template({
            'below': node(recorder),
            'above': node(recorder, links={'below': templates.REFERENCE})})
        pair = self.play(template, [('cancel', 2), ('snapshot', 0)])
        self.assertEqual('DELETE_COMPLETE', self.state(pair.native))
        self.assertEqual('DELETE_COMPLETE', self.state(pair.converted))

    def test_two_resources_with_one_name_that_are_deleted(self):
        # The replacement of the first resource could not be created. It may be
        # deleted at once, but the old resource only after those that require
        # it.
        node, recorder = templates.Node, templates.RECORDER
        template = templates.Template({
            'first': node(recorder),
            'second': node(recorder, links={'first': templates.ATTRIBUTE})})
        self.play(template, [('fail', 0)])
        self.assertEqual(['second', 'first'],
                         [path[0] for path, handler, *_given in plugin.calls
                          if handler == 'delete'][-2:])
