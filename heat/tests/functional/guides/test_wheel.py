# SPDX-License-Identifier: Apache-2.0

import json
import os
import re
import zipfile

import testtools

from heat.tests.functional.guides import wheel as wheel_fixtures
from heat.tests.functional.harness import processes

#: How to run each of Heat's commands, and a module in it that we refine.
COMMANDS = {
    'heat-manage': (['db_sync'], 'cmd/manage.py'),
    'heat-status': (['upgrade', 'check'], 'cmd/status.py'),
    'heat-engine': ([], 'engine/service.py'),
}


class WheelTest(testtools.TestCase):
    """The wheel in a clean environment, beside the Heat that was released."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = wheel_fixtures.WheelEnvironment()
        cls.env.setUp()
        cls.addClassCleanup(cls.env.cleanUp)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.env.overlay, 'disable')

    def tree(self):
        done = self.env.overlay('path')
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        return done.stdout.strip()

    def loaded_by(self, command, prefix=(), **variables):
        """Run one of Heat's commands, heat-engine until it serves.

        :returns: the source files named ``.../heat/...`` that Python loads.
        """
        arguments, _ = COMMANDS[command]
        words = [*prefix, self.env.command(command),
                 '--config-file', self.env.conf, *arguments]
        variables['PYTHONVERBOSE'] = '1'
        if command == 'heat-engine':
            log = self.log_of_engine(words, variables)
        else:
            done = self.env.run(*words, **variables)
            self.assertEqual(0, done.returncode, done.stderr[-2000:])
            log = done.stderr
        self.assertEqual([], [line for line in log.splitlines()
                              if 'runs as the stock one' in line])
        return set(re.findall(r'(/\S*/heat/\S*\.py)$', log, re.MULTILINE))

    def log_of_engine(self, words, variables):
        engine = processes.Process('heat-engine', words, cwd=self.env.path,
                                   env=self.env.environ(**variables))
        with engine:
            try:
                engine.wait_until(
                    lambda: 'Starting engine_worker' in engine.log(),
                    'worker of the engine')
                engine.stop()
                return engine.log()
            finally:
                os.remove(engine.log_file)

    def assertOverlay(self, prefix=(), **variables):
        ours = os.path.join(self.tree(), 'heat')
        stock = os.path.join(self.env.site_packages, 'heat')
        for command, (_, module) in COMMANDS.items():
            loaded = self.loaded_by(command, prefix, **variables)
            for source in (os.path.join(ours, module),
                           os.path.join(stock, module)):
                self.assertIn(source, loaded, command)

    def assertStock(self):
        stock = os.path.join(self.env.site_packages, 'heat') + os.sep
        for command, (_, module) in COMMANDS.items():
            loaded = self.loaded_by(command)
            self.assertIn(stock + module, loaded, command)
            self.assertEqual([], [source for source in loaded
                                  if not source.startswith(stock)], command)

    def status(self, **variables):
        done = self.env.overlay('status', '--format', 'json', **variables)
        return done.returncode, json.loads(done.stdout)

    def test_wheel_owns_no_file_of_heat(self):
        with zipfile.ZipFile(self.env.wheel) as wheel:
            names = wheel.namelist()
        # Man pages, if they were made, are data.
        own = re.compile(r'heat_overlay/|[^/]+\.dist-info/|'
                         r'[^/]+\.data/data/share/man/')
        self.assertEqual([], [name for name in names if not own.match(name)])

    def test_wheel_carries_the_whole_tree_but_its_tests(self):
        with zipfile.ZipFile(self.env.wheel) as wheel:
            prefix = 'heat_overlay/tree/heat/'
            carried = {name[len(prefix):] for name in wheel.namelist()
                       if name.startswith(prefix)}
        self.assertEqual(self.env.tree, carried)
        self.assertIn('engine/service.py', carried)

    def test_installed_wheel_changes_nothing_by_itself(self):
        self.assertStock()
        self.assertEqual(1, self.status()[0])

    def test_run(self):
        self.assertOverlay([self.env.command('heat-overlay'), 'run'])

    def test_python_path(self):
        self.assertOverlay(PYTHONPATH=self.tree())
        returncode, status = self.status(PYTHONPATH=self.tree())
        self.assertEqual((0, ['PYTHONPATH']), (returncode, status['means']))

    def test_enable_and_disable(self):
        done = self.env.overlay('enable')
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertOverlay()
        returncode, status = self.status()
        self.assertEqual(0, returncode)
        self.assertEqual(['start-up file in ' + self.env.site_packages],
                         status['means'])
        self.assertEqual(self.tree(), status['overlay']['location'])
        self.assertIn(status['overlay']['version'],
                      os.path.basename(self.env.wheel))
        done = self.env.overlay('disable')
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertEqual(1, self.status()[0])

    def test_heat_is_as_it_was_after_uninstalling(self):
        self.env.overlay('enable')
        self.env.overlay('disable')
        self.env.uninstall()
        self.addCleanup(self.env.install)
        damaged, compared = self.env.damaged_files()
        self.assertEqual([], damaged)
        self.assertIn('heat/engine/service.py', compared)
        self.assertIn('../../../bin/heat-engine', compared)
        self.assertStock()
        left = [name for name in os.listdir(self.env.site_packages)
                if 'overlay' in name or 'convergence' in name]
        self.assertEqual([], left)

    def test_uninstalled_while_enabled_leaves_the_stock_heat(self):
        self.env.overlay('enable')
        self.env.uninstall()
        self.addCleanup(self.env.install)
        done = self.env.run(self.env.command('heat-manage'), '--version')
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        done = self.env.run(self.env.python, '-c',
                            'import heat; print(*heat.__path__)')
        self.assertEqual(os.path.join(self.env.site_packages, 'heat') + '\n',
                         done.stdout)

    def test_sandbox_command_starts(self):
        done = self.env.run(self.env.command('heat-sandbox'), '--help')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn('usage: heat-sandbox', done.stdout)

    def test_options_are_documented_by_the_config_generator(self):
        done = self.env.run(
            self.env.command('heat-overlay'), 'run', 'oslo-config-generator',
            '--namespace', 'heat.engine.convergence_migrate')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn('#migrate_on_update = false', done.stdout)
