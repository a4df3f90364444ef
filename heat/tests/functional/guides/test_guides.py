# SPDX-License-Identifier: Apache-2.0

"""Follow the guides for operators as they are printed."""

import os
import re
import shutil

import fixtures
import testtools

from heat.tests.functional.guides import guide
from heat.tests.functional.guides import host as guide_host
from heat.tests.functional.harness import case
from heat.tests.functional.harness import configuration
from heat.tests.functional.harness import processes
from heat.tests.functional.harness import sandbox_fixture


#: The instructions of our Dockerfiles, beside RUN and COPY.
_IGNORED = {'ARG', 'FROM', 'USER'}


class InstallationTest(testtools.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.builder = guide_host.Builder()
        cls.builder.setUp()
        cls.addClassCleanup(cls.builder.cleanUp)
        guide.Follower(cls.builder).run('heat-manage db_sync')

    def host(self, home):
        host = self.useFixture(guide_host.Host(home))
        shutil.copy(self.builder.database, host.database)
        self.builder.copy_wheel(host)
        self.follower = guide.Follower(host)
        return host

    def follow(self, host, name):
        """Follow a guide.

        :returns: for each start of an engine whether it had the overlay
        """
        started = []
        for step in guide.read(name):
            words = getattr(step, 'words', '')
            if words.startswith('systemctl '):
                started.append(host.systemctl(words.split(' ', 1)[1]))
            # This host has no packages; test_debian follows these.
            elif not words.startswith('apt-get '):
                self.follower.follow(step)
        return [overlay for overlay in started if overlay is not None]

    def assertNothingLeft(self, host):
        left = [name for _folder, folders, files in os.walk(host.root)
                for name in folders + files
                if re.search('heat.?overlay|convergence.migrate', name)]
        # The wheel to install it from is not what was installed.
        self.assertEqual(os.listdir(os.path.join(host.admin, 'dist')), left)

    def test_virtual_environment(self):
        host = self.host('/opt/heat')
        self.assertEqual([True, False, True, False],
                         self.follow(host, 'operator/install-venv.rst'))
        self.assertNothingLeft(host)

    def test_debian_packages(self):
        host = self.host('/usr')
        self.assertEqual([True, False],
                         self.follow(host, 'operator/install-debian.rst'))
        self.assertNothingLeft(host)

    def test_kolla_image(self):
        host = self.host('/var/lib/kolla/venv')
        dockerfile, _build = guide.read('operator/install-kolla.rst')
        for instruction, words in guide.instructions(dockerfile.text):
            self.build(host, instruction, self.follower.path(words))
        self.assertIs(True, host.systemctl('restart heat-engine'))
        self.follower.run('heat-manage convergence-status')
        self.assertFalse(os.path.exists(host.root + '/var/tmp/dist'))

    def build(self, host, instruction, words):
        """Do what docker build does for an instruction."""
        if instruction == 'RUN':
            self.follower.run(words)
        elif instruction == 'COPY':
            source, target = words.split()
            shutil.copytree(os.path.join(host.admin, source), target)
        else:
            self.assertIn(instruction, _IGNORED)


class Operator(fixtures.Fixture):
    """A host with the database of a sandbox that has stopped.

    It has what ``guide.Follower`` needs of a host.
    """

    def __init__(self, heat, **variables):
        super().__init__()
        self._heat = heat
        self._variables = variables

    def _setUp(self):
        self.root = os.path.realpath(
            self.useFixture(fixtures.TempDir()).path)
        self.admin = os.path.join(self.root, 'admin')
        for folder in ('admin', '.heat', 'etc/heat', 'var/lib/heat'):
            os.makedirs(os.path.join(self.root, folder))
        with open(self._heat.config_file) as source:
            conf = source.read().replace('migrate_on_update = False',
                                         'migrate_on_update = True')
        for name in ('.heat/heat.conf', 'etc/heat/heat.conf'):
            with open(os.path.join(self.root, name), 'w') as target:
                target.write(conf)
        self._copy_database()
        self.env = processes.environment(
            HOME=self.root, LC_ALL='C', PATH=os.pathsep.join(
                (os.path.dirname(processes.command('heat-manage')),
                 os.defpath)), **self._variables)

    def _copy_database(self):
        copy = os.path.join(self.root, 'copy.sqlite')
        shutil.copy(os.path.join(self._heat.data_dir, 'heat.sqlite'), copy)
        configuration.write(
            os.path.join(self.admin, 'rehearsal.conf'),
            {'database': {'connection': 'sqlite:///' + copy,
                          'slave_connection': 'sqlite:///' + copy}})


class MigrationTest(testtools.TestCase):

    def test_guide_is_right_for_a_cloud_of_two_stacks(self):
        heat = self.useFixture(sandbox_fixture.Sandbox(engine='legacy'))
        first, _second = [self.create(heat, name) for name in ('web', 'db')]
        heat.stop()
        follower = guide.Follower(self.useFixture(
            Operator(heat, STACK_ID=first)))
        for step in guide.read('operator/migrate.rst'):
            follower.follow(step)

    def create(self, heat, name):
        created = heat.client.stacks.create(
            stack_name=name, **case.template('small.yaml'))
        heat.wait_for(name, 'CREATE_COMPLETE')
        return created['stack']['id']
