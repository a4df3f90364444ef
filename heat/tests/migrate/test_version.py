# SPDX-License-Identifier: Apache-2.0

"""The version of the overlay in the commands and the log."""

import os
import sys

import fixtures

from heat.common.migrate import version as migrate_version
from heat.tests import common


class OverlayVersionTest(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.site_packages = self.useFixture(fixtures.TempDir()).path
        self.useFixture(fixtures.MonkeyPatch(
            'heat.overlay.ROOT', os.path.join(
                self.site_packages, 'heat_overlay', 'tree', 'heat')))

    def install(self, site_packages, version):
        folder = os.path.join(
            site_packages, 'heat_convergence_migrate-%s.dist-info' % version)
        os.mkdir(folder)
        with open(os.path.join(folder, 'METADATA'), 'w') as out:
            out.write('Metadata-Version: 2.1\nName: heat-convergence-migrate\n'
                      'Version: %s\n' % version)

    def test_of_an_environment_beside_that_of_heat(self):
        self.install(self.site_packages, '9.8')
        self.assertEqual('9.8', migrate_version.overlay_version())

    def test_the_active_one_counts_and_not_another_that_is_installed(self):
        other = self.useFixture(fixtures.TempDir()).path
        self.install(other, '1.0')
        self.install(self.site_packages, '9.8')
        self.useFixture(fixtures.MonkeyPatch('sys.path',
                                             [other] + sys.path))
        self.assertEqual('9.8', migrate_version.overlay_version())

    def test_of_a_checkout_that_is_not_installed(self):
        self.useFixture(fixtures.MonkeyPatch('sys.path', []))
        self.assertIsNone(migrate_version.overlay_version())
