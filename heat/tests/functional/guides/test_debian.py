# SPDX-License-Identifier: Apache-2.0

"""Follow the guide for Debian's own packages of Heat.

CI does this on the stable release, ``tox -e debian`` also on the next ones.
"""

import os

import testscenarios
import testtools

from heat.db import models
from heat.tests.functional.guides import debian
from heat.tests.functional.guides import guide
from heat.tests.functional.guides import host as guide_host
from heat.tests.functional.harness import clients
from heat.tests.functional.harness import trees
from heat.tests import sources

_TEMPLATE = """\
heat_template_version: 2021-04-16
parameters:
  value: {type: string, default: one}
resources:
  first: {type: OS::Heat::TestResource, properties: {value: %s}}
  second:
    type: OS::Heat::TestResource
    properties: {value: {get_attr: [first, output]}}
  group:
    type: OS::Heat::ResourceGroup
    properties:
      count: 2
      resource_def: {type: OS::Heat::RandomString}
"""
_OLD, _NEW = _TEMPLATE % 'one', _TEMPLATE % 'two'

#: The releases, and how the page "What runs where" calls them and the run.
#: Testing becomes the next stable one.
_ROWS = {'trixie': ('Debian 13', 'CI: the guide'),
         'testing': ('Debian testing', '``tox -e debian``: the guide'),
         'unstable': ('Debian unstable', '``tox -e debian``: the guide')}


class DebianTest(testscenarios.TestWithScenarios, testtools.TestCase):

    scenarios = [(suite, {'suite': suite}) for suite in os.environ.get(
        'HEAT_TEST_DEBIANS', 'trixie').split()]

    def setUp(self):
        super().setUp()
        missing = debian.missing()
        if missing:
            self.skipTest(missing)
        builder = self.useFixture(guide_host.Builder())
        self.heat = self.useFixture(debian.Debian(self.suite))
        builder.copy_wheel(self.heat)
        self.verified = self.heat.run('dpkg', '--verify')
        self.follower = self.heat.follower()
        self.steps = guide.read('operator/install-debian.rst')

    def test_guide(self):
        ids = {name: self.create(name) for name in (
            'updated', 'by-command', 'legacy')}
        self.assertEqual({False}, self.convergence(ids['updated']))
        self.assertNotIn('ExecReload', self.heat.unit())
        self.heat.configure(convergence_engine=True)

        for step in self.steps:
            words = getattr(step, 'words', '')
            if words.startswith('systemctl kill '):
                self.assertRefused(ids['legacy'])
                self.heat.configure(migrate_on_update=True)
            elif 'heat-overlay disable' in words:
                self.convert(ids)
            self.follow(step)

        self.assertStock(ids)
        self.remove_before_disabling()
        self.record()

    def follow(self, step):
        words = getattr(step, 'words', '')
        if words.startswith('systemctl '):
            self.heat.systemctl(words.partition(' ')[2])
        else:
            self.follower.follow(step)

    def remove_before_disabling(self):
        """Follow the guide again, without its part that disables."""
        for step in self.steps:
            if step.words.startswith(('python3 -m venv', '/opt/', 'rm ',
                                      'heat-manage --version')) and (
                    'heat-overlay disable' not in step.words):
                if 'dist-packages' in step.words:
                    self.assertNotEqual([], self.heat.left())
                self.follow(step)
        self.assertEqual([], self.heat.left())

    def create(self, name):
        created = self.heat.client.stacks.create(
            stack_name=name, template=_OLD)
        self.heat.wait_for(name, 'CREATE_COMPLETE')
        return created['stack']['id']

    def convergence(self, stack_id):
        return trees.read(self.heat.database, stack_id).convergence()

    def convert(self, ids):
        """Convert stacks both ways with the present overlay."""
        before = trees.read(self.heat.database, ids['updated'])

        self.heat.client.stacks.update(ids['updated'], template=_NEW)
        self.heat.wait_for('updated', 'UPDATE_COMPLETE')

        self.assertEqual({True}, self.convergence(ids['updated']))
        self.assertEqual(before.physical_ids(), trees.read(
            self.heat.database, ids['updated']).physical_ids())
        self.heat.run('heat-manage', 'migrate-convergence-1',
                      ids['by-command'])
        self.assertEqual({True}, self.convergence(ids['by-command']))
        self.heat.run('heat-manage', 'revert-convergence-1',
                      ids['by-command'])
        self.assertEqual({False}, self.convergence(ids['by-command']))
        self.assertEqual({False}, self.convergence(ids['legacy']))
        self.heat.run('heat-manage', 'migrate-convergence-1', '--all')
        self.heat.run('heat-manage', 'migrate-convergence-1', '--verify',
                      '--all')
        self.assertIn('Success', self.heat.run('heat-status', 'upgrade',
                                               'check'))

    def assertRefused(self, stack_id):
        """Check that no stack is converted without the protection."""
        refused = self.assertRaises(
            clients.CommandFailed, self.heat.run, 'heat-manage',
            'migrate-convergence-1', stack_id)
        self.assertIn('without the protection', str(refused))
        self.assertEqual({False}, self.convergence(stack_id))

    def record(self):
        """Write the row of the page "What runs where", if requested."""
        if not os.environ.get('HEAT_TEST_PLATFORMS'):
            return
        platforms = sources.load_tool('platforms')
        platforms.record(platforms.Row(
            *self.heat.run('python3', '-c', platforms.PROBE).split(),
            *_ROWS[self.suite], '1 passed, 0 failed'))

    def assertStock(self, ids):
        """Check that the packages are unchanged, and that Heat works."""
        self.assertEqual(self.verified, self.heat.run('dpkg', '--verify'))
        for name, stack_id in ids.items():
            self.assertEqual({True}, self.convergence(stack_id))
            self.heat.client.stacks.delete(name)
            self.heat.wait_for(stack_id, 'DELETE_COMPLETE')
        self.assertEqual([], self.heat.database.rows(
            models.Resource, status='FAILED'))
