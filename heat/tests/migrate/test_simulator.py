# SPDX-License-Identifier: Apache-2.0

"""Heat's own convergence scenarios with converted stacks.

The framework runs one engine and one worker as a loop of messages, so that
every scenario always runs in the same order.
"""

from oslo_config import cfg
import testtools

from heat.common import context
from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.engine import convergence_migrate
from heat.engine import resource
from heat.engine.resources.openstack.heat import test_resource
from heat.tests import common
from heat.tests.convergence.framework import engine_wrapper
from heat.tests.convergence.framework import event_loop
from heat.tests.convergence.framework import fake_resource
from heat.tests.convergence.framework import message_processor
from heat.tests.convergence.framework import processes
from heat.tests.convergence.framework import reality
from heat.tests.convergence.framework import scenario
from heat.tests.convergence.framework import testutils
from heat.tests.functional.lockstep import oracle
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests import utils

#: Look at the stack while it is being created.
INTERRUPT_THE_CREATE = frozenset((
    'basic_update_delete', 'update_add_concurrent',
    'update_interrupt_create'))

CONVERTED, BUSY = 'converted', 'in_progress'

#: The outcome of the conversion before each update, rollback and delete, and
#: of the last one.
OUTCOMES = {
    'basic_create': [CONVERTED],
    'basic_create_rollback': [BUSY, CONVERTED],
    'basic_update_delete': [BUSY, CONVERTED],
    'create_early_delete': [BUSY],
    'disjoint_create': [CONVERTED],
    'multiple_update': [CONVERTED, CONVERTED, CONVERTED],
    'update_add': [CONVERTED, CONVERTED],
    'update_add_concurrent': [BUSY, CONVERTED],
    'update_add_rollback': [CONVERTED, BUSY, CONVERTED],
    'update_add_rollback_early': [CONVERTED, BUSY, CONVERTED],
    'update_interrupt_create': [BUSY, CONVERTED],
    'update_remove': [CONVERTED, CONVERTED],
    'update_remove_rollback': [CONVERTED, BUSY, CONVERTED],
    'update_replace': [CONVERTED, CONVERTED, CONVERTED],
    'update_replace_invert_deps': [CONVERTED, CONVERTED],
    'update_replace_missed_cleanup': [CONVERTED, BUSY, CONVERTED],
    'update_replace_missed_cleanup_delete': [CONVERTED, BUSY],
    'update_replace_rollback': [CONVERTED, BUSY, CONVERTED],
    'update_user_replace': [CONVERTED, CONVERTED, CONVERTED],
    'update_user_replace_rollback': [CONVERTED, BUSY, CONVERTED],
    'update_user_replace_rollback_update': [CONVERTED, BUSY, CONVERTED,
                                            BUSY],
}

TYPE = 'OS::Heat::TestResource'


class CreatesLegacy(engine_wrapper.Engine):
    """Makes the legacy engine create stacks, and converts them."""

    @message_processor.asynchronous
    def create_stack(self, stack_name, scenario_tmpl):
        stack = migrate_fixtures.create_legacy(
            utils.dummy_context(),
            self.scenario_template_to_hot(scenario_tmpl), stack_name)
        convergence_migrate.convert(stack.context, stack.id,
                                    stored_credentials=False)


class Reconverts(engine_wrapper.Engine):
    """Makes a stack legacy and converts it, before each operation.

    :ivar outcomes: CONVERTED, or the code of the refusal, for each time.
    """

    def __init__(self, worker):
        super().__init__(worker)
        self.outcomes = []

    def reconvert(self, stack_name):
        ctx = utils.dummy_context()
        stack = db_api.stack_get_by_name(ctx, stack_name)
        try:
            convergence_migrate.revert(ctx, stack.id,
                                       stored_credentials=False)
        except migrate_exception.MigrationRefused as refused:
            self.outcomes.append(refused.code)
            return
        convergence_migrate.convert(ctx, stack.id, stored_credentials=False)
        self.outcomes.append(CONVERTED)

    @message_processor.asynchronous
    def update_stack(self, stack_name, scenario_tmpl):
        self.reconvert(stack_name)
        engine_wrapper.Engine.update_stack.__wrapped__(self, stack_name,
                                                       scenario_tmpl)

    @message_processor.asynchronous
    def rollback_stack(self, stack_name):
        self.reconvert(stack_name)
        engine_wrapper.Engine.rollback_stack.__wrapped__(self, stack_name)

    @message_processor.asynchronous
    def delete_stack(self, stack_name):
        self.reconvert(stack_name)
        engine_wrapper.Engine.delete_stack.__wrapped__(self, stack_name)


class Unasserting:
    """Replaces the test where a scenario checks a create."""

    def assertEqual(self, expected, observed):
        pass


class ScenarioTest(common.HeatTestCase):
    """Each scenario; both tests compare with one native run."""

    natively = {}

    scenarios = [(name, {'name': name, 'path': path})
                 for name, path in sorted(scenario.list_all())]

    def setUp(self):
        super().setUp()
        self.patchobject(context, 'StoredContext')
        resource._register_class(TYPE, fake_resource.TestResource)
        self.addCleanup(resource._register_class, TYPE,
                        test_resource.TestResource)
        self.procs = processes.Processes()
        check = self.patch(
            'heat.rpc.worker_client.WorkerClient.check_resource')
        check.side_effect = self.procs.worker.check_resource
        cfg.CONF.set_override('convergence_engine', True)

    def play(self, engine, **names):
        """Run the scenario to its end, with its own checks.

        :returns: the remaining rows, to compare with another run.
        """
        self.procs.engine = engine
        self.procs.clear()
        loop = event_loop.EventLoop(engine, self.procs.worker)
        scenario.Scenario(self.name, self.path)(loop, **dict(
            testutils.scenario_globals(self.procs, self), **names))
        return what_is_left()

    def play_natively(self):
        """What is left natively, which is the same each time."""
        if self.name not in self.natively:
            self.natively[self.name] = self.play(
                engine_wrapper.Engine(self.procs.worker))
            utils.reset_dummy_db()
            utils.setup_dummy_db()
        return self.natively[self.name]

    def test_stack_created_legacy_ends_the_same(self):
        expected = self.play_natively()
        names = {}
        if self.name in INTERRUPT_THE_CREATE:
            names['test'] = Unasserting()
        self.assertEqual(expected, self.play(
            CreatesLegacy(self.procs.worker), **names))

    def test_conversion_before_each_operation_changes_nothing(self):
        expected = self.play_natively()
        engine = Reconverts(self.procs.worker)
        self.assertEqual(expected, self.play(engine))
        for name in left_stacks():
            engine.reconvert(name)
        self.assertEqual(expected, what_is_left())
        self.assertEqual(OUTCOMES[self.name], engine.outcomes)


class ScenarioListTest(testtools.TestCase):

    def test_every_scenario_of_heat_is_played(self):
        self.assertEqual(set(OUTCOMES),
                         {name for name, path in scenario.list_all()})


def left_stacks():
    """{name: stack} of the stacks that are not deleted."""
    return {stack.name: stack for stack in
            db_api.stack_get_all(reality.reality.cntxt)}


def what_is_left():
    """Stacks and resources in a form to compare two runs."""
    rows = reality.reality.all_resources()
    names = {row.id: row.name for row in rows}
    stacks = left_stacks().values()
    templates = {stack.id: stack.raw_template_id for stack in stacks}
    return {
        'stacks': sorted((stack.name, stack.action, stack.status,
                          stack.convergence, stack.prev_raw_template_id)
                         for stack in stacks),
        # Not the action: one run creates a resource that the other run, with
        # an uninterrupted create, updates.
        'resources': sorted((
            row.name, row.status,
            sorted(names[required] for required in row.requires),
            # Values are names of other resources, with a random part.
            sorted((item.key, oracle.SHORT_ID.sub('', item.value))
                   for item in row.data),
            row.current_template_id == templates[row.stack_id],
            row.replaces, row.replaced_by) for row in rows)}
