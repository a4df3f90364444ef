# SPDX-License-Identifier: Apache-2.0

from unittest import mock

import fixtures
from oslo_config import cfg
from oslo_db import exception as db_exception
from oslo_upgradecheck import upgradecheck

from heat.cmd import status
from heat.db.migrate import counts as migrate_counts
from heat.engine import convergence_migrate
from heat.tests import common
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests import utils


class UpgradeCheckTest(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.ctx = utils.dummy_context()
        self.checks = status.Checks()

    def assertCode(self, code, result):
        self.assertEqual(code, result.code, result.details)

    def test_both_are_among_the_checks_of_heat(self):
        names = [str(name) for name, _check in self.checks._upgrade_checks]
        self.assertEqual(['Policy File JSON to YAML Migration',
                          'Legacy stacks', 'Overlay'], names)

    def test_warns_until_the_last_legacy_stack_is_converted(self):
        self.assertCode(upgradecheck.Code.SUCCESS,
                        self.checks._check_legacy_stacks())
        stack = migrate_fixtures.create_legacy(
            self.ctx, migrate_fixtures.template_of({'a': []}))
        result = self.checks._check_legacy_stacks()
        self.assertCode(upgradecheck.Code.WARNING, result)
        self.assertIn('Legacy stacks left: 1 root, 0 nested.', result.details)
        self.assertIn('heat-manage migrate-convergence-1 --all',
                      result.details)
        convergence_migrate.convert(self.ctx, stack.id)
        self.assertCode(upgradecheck.Code.SUCCESS,
                        self.checks._check_legacy_stacks())

    def test_fails_when_the_stacks_cannot_be_counted(self):
        with mock.patch.object(migrate_counts, 'tally',
                               side_effect=db_exception.DBError('down')):
            result = self.checks._check_legacy_stacks()
        self.assertCode(upgradecheck.Code.FAILURE, result)
        self.assertIn('cannot be used: down', result.details)
        self.assertEqual(0, cfg.CONF.database.max_retries)

    def test_overlay_with_its_versions(self):
        result = self.checks._check_overlay()
        self.assertCode(upgradecheck.Code.SUCCESS, result)
        self.assertRegex(result.details,
                         r'heat-convergence-migrate .* on Heat \d+\.')

    def test_overlay_on_something_else_than_it_was_tested_with(self):
        self.useFixture(fixtures.MonkeyPatch(
            'heat.overlay_releases.why_not',
            lambda version, folder: 'it is %s' % version.partition('.')[0]))
        result = self.checks._check_overlay()
        self.assertCode(upgradecheck.Code.FAILURE, result)
        self.assertRegex(result.details, r'it is \d+$')
