# SPDX-License-Identifier: Apache-2.0

import os

import fixtures
from oslo_config import generator

from heat import overlay
from heat.tests import common

ETC = os.path.join(os.path.dirname(overlay.ROOT), 'etc', 'heat')
GENERATOR_CONF = os.path.join(ETC, 'convergence-migrate-config-generator.conf')
SAMPLE = os.path.join(ETC, 'heat-convergence-migrate.conf.sample')


class SampleConfigTest(common.HeatTestCase):

    def setUp(self):
        super().setUp(mock_find_file=False)

    def _generate(self):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'sample')
        generator.main(['--config-file', GENERATOR_CONF,
                        '--output-file', path])
        with open(path) as generated:
            return generated.read()

    def test_committed_sample_is_what_the_options_generate(self):
        with open(SAMPLE) as sample:
            self.assertEqual(self._generate(), sample.read(),
                             'stale sample: run "tox -e genconfig"')
