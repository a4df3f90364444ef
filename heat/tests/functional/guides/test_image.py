# SPDX-License-Identifier: Apache-2.0

"""Follow the guide for Kolla to a container image.

It runs alone (``tox -e image``): it takes minutes and a gigabyte of disk.
"""

import testtools

from heat.tests.functional.guides import guide
from heat.tests.functional.guides import host as guide_host
from heat.tests.functional.guides import image as guide_image


class ImageTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        missing = guide_image.missing()
        if missing:
            self.skipTest(missing)
        self.image = self.useFixture(guide_image.KollaImage())

    def build(self):
        """Build an image by the guide; returns a container of it."""
        self.useFixture(guide_host.Builder()).copy_wheel(self.image)
        follower = guide.Follower(self.image)
        dockerfile, build = guide.read('operator/install-kolla.rst')
        follower.follow(dockerfile)
        # buildah takes the arguments of docker, and needs no daemon.
        follower.run(build.words.replace('docker', 'buildah')
                     .replace('IMAGE_THAT_RUNS', self.image.name)
                     .replace('REGISTRY', 'localhost'))
        return self.image.container(
            'localhost/heat-engine:2026.2-convergence')

    def test_heat_in_the_image_has_the_overlay(self):
        container = self.build()

        self.assertRegex(container.run('heat-overlay', 'status'),
                         '(?m)^Overlay: +active$')
        container.run('heat-manage', 'db_sync')
        self.assertIn('heat-convergence-migrate', container.run(
            'heat-manage', 'convergence-status'))
        engine = self.useFixture(container.process('heat-engine'))
        engine.wait_until(lambda: 'converts stacks on update' in engine.log(),
                          'overlay in the engine')
