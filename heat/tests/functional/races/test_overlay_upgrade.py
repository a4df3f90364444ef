# SPDX-License-Identifier: Apache-2.0

"""Engines and commands with this overlay and with an older one.

This mix exists during an upgrade of the overlay, host by host, and during a
downgrade.
"""

from heat.cmd.migrate import ask_engines
from heat.tests.functional.commands import command
from heat.tests.functional.harness import case
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import older_overlay
from heat.tests.functional.harness import processes
from heat.tests.functional.races import test_rolling_upgrade

SMALL = case.template('small.yaml')


class OverlayUpgradeTest(test_rolling_upgrade.RollingUpgradeTestCase):

    backend = databases.MYSQL
    legacy_stacks = {name: SMALL for name in (
        'upgraded', 'downgraded', 'both-1', 'both-2', 'both-3', 'asked',
        'by-old', 'by-new', 'handed-1', 'handed-2')}
    # An older overlay does not know the last one.
    conf = {'convergence_engine': True, 'migrate_on_update': True,
            'migrate_protection': True}

    @classmethod
    def find_missing(cls):
        return older_overlay.missing() or super().find_missing()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.missing is None:
            cls.older = older_overlay.OlderOverlay()
            cls.older.setUp()
            cls.addClassCleanup(cls.older.cleanUp)

    def setUp(self):
        super().setUp()
        if self.older.refusal:
            self.skipTest(self.older.refusal)

    def start(self, *trees):
        """Run one engine for each of some overlays, and no others."""
        self.heat.kill_engines()
        for tree in trees:
            self.heat.start_engines(1, tree=tree)

    def command(self, tree, name, stacks, *arguments, status=0):
        """Run a command of an overlay for stacks; returns what it prints."""
        done = self.heat.run(
            'heat-manage', '--config-file', self.heat.config_file, name,
            *arguments, *map(self.stack_id, stacks), PYTHONPATH=tree)
        printed = done.stdout + done.stderr
        self.assertEqual(status, done.returncode, printed)
        self.assertNotIn('Traceback', printed)
        return printed

    def convert(self, tree, stack, *arguments, **kwargs):
        return self.command(tree, 'migrate-convergence-1', [stack],
                            *arguments, **kwargs)

    def revert(self, tree, stack, *arguments):
        self.command(tree, 'revert-convergence-1', [stack], *arguments)
        self.assertEqual({False},
                         self.tree(self.stack_id(stack)).convergence())

    def assertConvergence(self, name, physical_ids):
        """Check that it is convergence, and that verify finds nothing."""
        self.assertAllConvergence({name: physical_ids})

    def assertAllConvergence(self, before):
        """Check each of some stacks, and verify them with one command.

        :param before: {name: physical ids}
        """
        for name, physical_ids in before.items():
            super().assertConvergence(name, physical_ids)
        self.command(processes.TREE, 'migrate-convergence-1', before,
                     '--verify')

    def assertEvents(self, times, name):
        """Check how often a stack was converted or reverted in all."""
        self.assertEqual(['COMPLETE'] * times,
                         self.migration_events(self.stack_id(name)))

    def _from_one_to_the_other(self, name, first, second):
        """Convert with one overlay; then run both, and then the other."""
        before = self.physical_ids(name)
        self.start(first)
        self.update(name)
        self.assertConvergence(name, before)

        self.heat.start_engines(1, tree=second)
        self.operate(name)
        self.assertConvergence(name, before)

        self.start(second)
        self.operate(name)
        self.assertConvergence(name, before)

        self.revert(second, name)
        self.assertEqual(before, self.physical_ids(name))
        self.update(name, value='four')
        self.assertConvergence(name, before)

    def test_upgrade(self):
        self._from_one_to_the_other('upgraded', self.older.path,
                                    processes.TREE)

    def test_downgrade(self):
        self._from_one_to_the_other('downgraded', processes.TREE,
                                    self.older.path)

    def test_updates_convert_each_stack_once_while_both_run(self):
        names = [name for name in self.legacy_stacks if 'both' in name]
        before = {name: self.physical_ids(name) for name in names}
        self.start(self.older.path, processes.TREE)
        for name in names:
            # Any engine may get them.
            self.update(name)
            self.operate(name)
        self.assertAllConvergence(before)
        for name in names:
            self.assertEvents(1, name)

    def test_a_command_knows_that_an_older_engine_is_not_protected(self):
        before = self.physical_ids('asked')
        self.start(self.older.path)
        old = self.heat.engines[0].name
        printed = self.convert(processes.TREE, 'asked', status=2)
        self.assertIn('%s: %s' % (old, ask_engines.STOCK), printed)

        self.heat.start_engines(1)
        new = self.heat.engines[1].name
        printed = self.convert(processes.TREE, 'asked', status=2)
        self.assertIn('%s: %s' % (old, ask_engines.STOCK), printed)
        self.assertNotIn(new, printed)
        self.assertEqual({False},
                         self.tree(self.stack_id('asked')).convergence())

        self.start(processes.TREE)
        self.assertNotIn('protection', self.convert(processes.TREE, 'asked'))
        self.assertConvergence('asked', before)

    def test_what_one_command_converts_the_other_reverts(self):
        for name, first, second in (
                ('by-old', self.older.path, processes.TREE),
                ('by-new', processes.TREE, self.older.path)):
            before = self.physical_ids(name)
            # The engine has the other overlay, and converts nothing then.
            self.start(second)
            self.convert(first, name, *self.unprotected(first))
            self.assertConvergence(name, before)
            self.operate(name)
            self.revert(second, name, *self.unprotected(second))
            self.operate(name)
            self.assertConvergence(name, before)
            # To convergence, to legacy, and to convergence again.
            self.assertEvents(3, name)

    def test_a_command_hands_stacks_to_engines_of_both(self):
        names = ('handed-1', 'handed-2')
        before = {name: self.physical_ids(name) for name in names}
        self.start(self.older.path, processes.TREE)
        hosts = {engine.name for engine in self.heat.engines}
        done = self.heat.run(
            'heat-manage', '--config-file', self.heat.config_file,
            'migrate-convergence-1', '--via-engines', '--unprotected',
            '--format', 'json', *map(self.stack_id, names),
            PYTHONPATH=processes.TREE)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual(
            {'by the engine on host %s' % host for host in hosts},
            {outcome['message'] for outcome in command.outcomes(
                done.stdout).values()})
        self.assertAllConvergence(before)
        for name in names:
            self.assertEvents(1, name)

    def unprotected(self, tree):
        """The option for the command of this overlay, if it asks engines."""
        return ['--unprotected'] if tree == processes.TREE else []
