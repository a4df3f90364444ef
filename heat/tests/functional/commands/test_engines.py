# SPDX-License-Identifier: Apache-2.0

"""The commands beside running engines, and with --via-engines."""

from heat.cmd.migrate import ask_engines
from heat.tests.functional.commands import command
from heat.tests.functional.harness import case
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import many_stacks

_COUNT = 12


class TwoEnginesTest(case.DeploymentTestCase):

    backend = databases.MYSQL
    legacy_stacks = {name: {'template': command.SMALL}
                     for name in ('source', 'protected', 'unprotected')}
    conf = {'convergence_engine': True, 'migrate_protection': True}

    def setUp(self):
        super().setUp()
        self.ids = many_stacks.copy(self.heat.database.engine,
                                    self.stack_id('source'), _COUNT)
        self.names = {engine.name for engine in self.heat.engines}

    def start_another(self, **how):
        """Start an engine for this test only."""
        engine, = self.heat.start_engines(1, **how)
        self.addCleanup(self.heat.kill_engines, [engine])
        return engine

    def migrate(self, *arguments):
        """Hand over all the copies; returns {id: outcome} and the errors."""
        done = self.heat.heat_manage(
            'migrate-convergence-1', '--via-engines', '--format', 'json',
            *arguments, *self.ids)
        self.assertEqual(0, done.returncode, done.stderr)
        found = command.outcomes(done.stdout)
        self.assertEqual(set(self.ids), set(found))
        self.assertEqual({'converted'}, {outcome['outcome']
                                         for outcome in found.values()})
        return found, done.stderr

    def migrate_here(self, name, *arguments, status=0):
        """Convert a stack, and check how that ends; returns the errors."""
        stack_id = self.stack_id(name)
        done = self.heat.heat_manage('migrate-convergence-1', stack_id,
                                     *arguments)
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        self.assertEqual({not status}, self.tree(stack_id).convergence())
        return done.stderr

    def assertAllConverted(self):
        for stack_id in self.ids:
            self.assertEqual({True}, self.tree(stack_id).convergence())

    def assertRefused(self, error, done):
        self.assertEqual(2, done.returncode, done.stdout)
        self.assertIn(error, done.stderr)
        self.assertNotIn('Traceback', done.stderr)

    def hosts(self, found):
        return {outcome['message'].rpartition(' ')[2]
                for outcome in found.values()}

    def test_both_convert(self):
        found, errors = self.migrate()
        self.assertAllConverted()
        self.assertEqual(self.names, self.hosts(found))
        for engine in self.heat.engines:
            self.assertIn('by the operator', engine.log())

    def test_heat_manage_without_the_overlay_asks_an_engine_that_has_it(self):
        stack_id = self.ids[0]
        done = self.heat.run(
            'heat-manage', '--config-file', self.heat.config_file,
            'migrate_convergence_1', stack_id, PYTHONPATH='')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual({True}, self.tree(stack_id).convergence())
        nobody = self.heat.run(
            'heat-manage', '--config-file', self.heat.config_file,
            'migrate_convergence_1', 'nobody', PYTHONPATH='')
        self.assertEqual(1, nobody.returncode)
        self.assertIn('Stack with id nobody can not be found', nobody.stderr)

    def test_dry_run_of_the_rest_needs_no_engine(self):
        self.migrate('--workers', '4')
        done = self.heat.heat_manage('migrate-convergence-1', *self.ids)
        self.assertIn('%d already convergence' % _COUNT, done.stdout)

    def test_engine_without_the_overlay_is_named_and_left_out(self):
        stock = self.start_another(stock=True)
        found, errors = self.migrate('--unprotected')
        self.assertAllConverted()
        self.assertEqual(self.names, self.hosts(found))
        self.assertEqual(1, errors.count(
            'No stack is handed to the engine on host %s any more: it runs '
            'without the convergence overlay.' % stock.name))

    def test_a_protected_engine_answers_so(self):
        self.assertNotIn('protection', self.migrate_here('protected'))

    def test_engines_without_it_are_named_until_the_operator_goes_on(self):
        off = self.start_another(migrate_protection=False)
        stock = self.start_another(stock=True)
        errors = self.migrate_here('unprotected', status=2)
        self.assertIn('(%s: %s; %s: %s)' % (
            off.name, ask_engines.OFF, stock.name, ask_engines.STOCK), errors)
        self.migrate_here('unprotected', '--unprotected')

    def test_no_engine_is_up(self):
        self.addCleanup(self.heat.start_engines, len(self.heat.engines))
        self.heat.kill_engines()
        self.assertRefused('ERROR: No engine is up', self.heat.heat_manage(
            'migrate-convergence-1', '--via-engines', '--all'))

    def test_no_broker_is_there(self):
        commands = self.useFixture(command.Commands(
            self.heat.database.url,
            transport_url='rabbit://guest:guest@127.0.0.1:%d/'
            % command.free_port()))
        self.assertRefused('ERROR: No engine can be called', commands.run(
            'migrate-convergence-1', '--via-engines', '--all'))
