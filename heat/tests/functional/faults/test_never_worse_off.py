# SPDX-License-Identifier: Apache-2.0

"""An update whose conversion fails, in a running engine."""

import testtools

from heat.db import models
from heat.tests.functional.harness import case
from heat.tests.functional.harness import sandbox_fixture

PLUGIN = case.plugins('broken_converter')


class NeverWorseOffTest(testtools.TestCase):

    def test_the_update_completes_as_legacy_and_an_event_says_why(self):
        heat = self.useFixture(sandbox_fixture.Sandbox(engine='legacy'))
        heat.openstack('stack', 'create', '--wait', '-t',
                       case.template_path('small.yaml'), 'small')
        heat.conf['plugin_dirs'] = PLUGIN
        heat.restart(engine='convergence', migrate_on_update=True)
        updated = heat.openstack('stack', 'update', '--wait', '--existing',
                                 'small')
        self.assertEqual('UPDATE_COMPLETE', updated['stack_status'])
        stack, = heat.database.rows(models.Stack, name='small')
        self.assertFalse(stack['convergence'])
        event, = [event for event in heat.client.events.list('small')
                  if event.resource_status.startswith('MIGRATE')]
        self.assertEqual('MIGRATE_FAILED', event.resource_status)
        self.assertIn('unexpected ZeroDivisionError',
                      event.resource_status_reason)
