# SPDX-License-Identifier: Apache-2.0

"""Debian's own Heat, and the guide for it followed word by word.

By itself (``tox -e debian``): it installs each Debian, which takes minutes.
"""

import os

import testscenarios
import testtools

from heat.db import models
from heat.tests.functional.guides import debian
from heat.tests.functional.guides import guide
from heat.tests.functional.guides import host as guide_host
from heat.tests.functional.harness import trees

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

#: testing becomes the next stable one.
_SUITES = ('trixie', 'testing', 'unstable')


class DebianTest(testscenarios.TestWithScenarios, testtools.TestCase):

    scenarios = [(suite, {'suite': suite}) for suite in os.environ.get(
        'HEAT_TEST_DEBIANS', ' '.join(_SUITES)).split()]

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

    def test_guide(self):
        ids = {name: self.create(name) for name in (
            'updated', 'by-command', 'legacy')}
        self.assertEqual({False}, self.convergence(ids['updated']))
        self.heat.configure(convergence_engine=True)

        for step in guide.read('operator/install-debian.rst'):
            words = getattr(step, 'words', '')
            if words.startswith('systemctl kill '):
                self.heat.configure(migrate_on_update=True)
            elif 'heat-overlay disable' in words:
                self.convert(ids)
            if words.startswith('systemctl '):
                self.heat.systemctl(words.partition(' ')[2])
            else:
                self.follower.follow(step)

        self.assertStock(ids)

    def create(self, name):
        created = self.heat.client.stacks.create(
            stack_name=name, template=_OLD)
        self.heat.wait_for(name, 'CREATE_COMPLETE')
        return created['stack']['id']

    def convergence(self, stack_id):
        return trees.read(self.heat.database, stack_id).convergence()

    def convert(self, ids):
        """Convert stacks both ways, by the overlay that is there now."""
        before = trees.read(self.heat.database, ids['updated'])

        self.heat.client.stacks.update(ids['updated'], template=_NEW)
        self.heat.wait_for('updated', 'UPDATE_COMPLETE')

        self.assertEqual({True}, self.convergence(ids['updated']))
        self.assertEqual(before.physical_ids(), trees.read(
            self.heat.database, ids['updated']).physical_ids())
        self.heat.run('heat-manage', 'migrate-convergence-1',
                      ids['by-command'])
        self.assertEqual({True}, self.convergence(ids['by-command']))
        self.assertEqual({False}, self.convergence(ids['legacy']))
        self.heat.run('heat-manage', 'migrate-convergence-1', '--all')
        self.heat.run('heat-manage', 'migrate-convergence-1', '--verify',
                      '--all')
        self.assertIn('Success', self.heat.run('heat-status', 'upgrade',
                                               'check'))

    def assertStock(self, ids):
        """See that the packages are as they were, and Heat goes on."""
        self.assertEqual(self.verified, self.heat.run('dpkg', '--verify'))
        for name, stack_id in ids.items():
            self.assertEqual({True}, self.convergence(stack_id))
            self.heat.client.stacks.delete(name)
            self.heat.wait_for(stack_id, 'DELETE_COMPLETE')
        self.assertEqual([], self.heat.database.rows(
            models.Resource, status='FAILED'))
