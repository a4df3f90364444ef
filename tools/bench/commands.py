# SPDX-License-Identifier: Apache-2.0

"""Run commands on the database to measure, with any overlay or none."""

import subprocess
import sys

import fixtures

from heat.tests.functional.harness import configuration
from heat.tests.functional.harness import processes


class Commands(fixtures.Fixture):
    """A heat.conf for a database, and the commands that read it.

    The commands take a ``tree``, the folder of an overlay. None is for Heat
    without one.
    """

    def __init__(self, url):
        super().__init__()
        self._url = url.render_as_string(hide_password=False)

    def _setUp(self):
        self._folder = self.useFixture(fixtures.TempDir()).path
        self._config = configuration.create(self._folder, {
            'database': {'connection': self._url},
            'transport_url': 'fake://'})

    def migrate(self, *arguments, tree=processes.TREE):
        """Run heat-manage migrate-convergence-1."""
        self._run(tree, processes.command('heat-manage'), '--config-file',
                  self._config, 'migrate-convergence-1', *arguments)

    def python(self, statement, tree=processes.TREE):
        """Run a statement in a new Python."""
        self._run(tree, sys.executable, '-c', statement)

    def _run(self, tree, *arguments):
        environment = processes.environment(
            stock=tree is None, tree=tree)
        subprocess.run(arguments, cwd=self._folder, env=environment,
                       check=True, capture_output=True)
