# SPDX-License-Identifier: Apache-2.0

import os
import shutil

import fixtures
import testtools

from heat import overlay
from heat.tests import overlay_fixtures

CHECKOUT = overlay_fixtures.CHECKOUT
SHOW_PATH = 'import heat; print(*heat.__path__)'
PTH = 'heat-overlay.pth'


class CommandTestCase(testtools.TestCase):
    """An environment with a Heat, in which heat-overlay runs."""

    def setUp(self):
        super().setUp()
        self.env = self.useFixture(overlay_fixtures.Environment())
        self.untouched = self.listing(self.env)
        self.in_front = '%s %s\n' % (overlay.ROOT, self.env.heat)

    @staticmethod
    def listing(env):
        return sorted(os.listdir(env.site_packages))

    def untested(self):
        return self.useFixture(overlay_fixtures.Environment('19.0.0'))

    def heat_path(self, env=None, **kwargs):
        """Start the Python that Heat runs in; returns the path of Heat."""
        done = (env or self.env).run('-c', SHOW_PATH, **kwargs)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        return done.stdout

    def assertDone(self, done):
        self.assertEqual((0, ''), (done.returncode, done.stderr))

    def assertFails(self, done, reason):
        self.assertEqual((2, ''), (done.returncode, done.stdout))
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        self.assertIn(reason, done.stderr)

    def copy_of_the_overlay(self):
        copy = os.path.join(self.useFixture(fixtures.TempDir()).path, 'copy')
        for name in ('heat', 'heat_overlay'):
            shutil.copytree(os.path.join(CHECKOUT, name),
                            os.path.join(copy, name))
        return copy
