# SPDX-License-Identifier: Apache-2.0

import ast
import os
import pkgutil
import shutil
import sys

import fixtures
import heat
import testtools

from heat.common.migrate import version as migrate_version
from heat import overlay
from heat import overlay_digests
from heat import overlay_releases
from heat import overlay_source
from heat.tests import common
from heat.tests import overlay_fixtures

CHECKOUT = overlay_fixtures.CHECKOUT
SHOW = overlay_fixtures.SHOW


class InstalledHeatTest(testtools.TestCase):
    """The overlay in front of the Heat that these tests run with."""

    def test_is_active(self):
        self.assertIsNone(overlay.refusal())
        self.assertEqual(overlay.ROOT, heat.__path__[0])

    def test_heat_package_is_the_installed_one(self):
        self.assertFalse(heat.__file__.startswith(CHECKOUT + os.sep + 'heat'))
        self.assertEqual([os.path.dirname(heat.__file__)], heat.__path__[1:])
        self.assertIs(heat, sys.modules['heat'])

    def test_package_data_of_heat_is_found(self):
        self.assertIn(b'cloud-init',
                      pkgutil.get_data('heat', 'cloudinit/config'))

    def test_module_that_heat_does_not_have_is_not_found(self):
        self.assertRaises(ModuleNotFoundError, overlay.installed,
                          'heat.no_such_module')
        self.assertNotIn('heat.no_such_module', sys.modules)


class SearchPathTest(testtools.TestCase):
    """The possible places of the overlay in sys.path."""

    def setUp(self):
        super().setUp()
        self.env = self.useFixture(overlay_fixtures.Environment())
        self.other = self.useFixture(fixtures.TempDir()).path

    def assertInFront(self, done, root=overlay.ROOT):
        self.assertEqual('', done.stderr)
        self.assertEqual([os.path.join(self.env.heat, '__init__.py'),
                          root, self.env.heat], done.stdout.split('\n')[:3])

    def run_heat(self, **kwargs):
        return self.env.run('-c', 'import heat; print(heat.__file__, '
                            '*heat.__path__, sep="\\n")', **kwargs)

    def test_place_in_python_path(self):
        link = os.path.join(self.other, 'link')
        os.symlink(CHECKOUT, link)
        # Behind another entry, and a symbolic link.
        for path in ([CHECKOUT], [self.other, CHECKOUT], [link]):
            self.assertInFront(self.run_heat(python_path=path))

    def test_relative_entry(self):
        done = self.run_heat(cwd=os.path.join(CHECKOUT, 'heat'),
                             python_path=[os.pardir])
        self.assertInFront(done)

    def test_current_folder(self):
        self.assertInFront(self.run_heat(cwd=CHECKOUT))

    def test_behind_the_installed_heat_it_does_nothing(self):
        done = self.run_heat(python_path=[self.env.site_packages, CHECKOUT])
        self.assertEqual([self.env.heat], done.stdout.split()[1:])

    def test_second_copy_is_not_taken_for_the_installed_heat(self):
        shutil.copytree(overlay.ROOT, os.path.join(self.other, 'heat'))
        done = self.run_heat(python_path=[CHECKOUT, self.other])
        self.assertInFront(done)
        done = self.run_heat(python_path=[self.other, CHECKOUT])
        self.assertInFront(done, os.path.join(self.other, 'heat'))

    def test_no_installed_heat(self):
        shutil.rmtree(self.env.heat)
        done = self.run_heat(python_path=[CHECKOUT])
        self.assertEqual(1, done.returncode)
        error = done.stderr.splitlines()[-1]
        self.assertIn('ImportError: ', error)
        self.assertIn('install openstack-heat where %s finds it'
                      % self.env.python, error)


class RefusalTest(testtools.TestCase):
    """The overlay is not active on an untested Heat."""

    def setUp(self):
        super().setUp()
        self.env = self.useFixture(overlay_fixtures.Environment())

    def run_heat(self, code=SHOW):
        return self.env.run('-c', code, python_path=[CHECKOUT])

    def assertStock(self, reason, before=''):
        done = self.run_heat(before + SHOW)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual([os.path.join(self.env.heat, '__init__.py'),
                          self.env.heat,
                          self.env.module('heat.engine.service')],
                         done.stdout.splitlines())
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        self.assertIn(reason, done.stderr)
        for part in (self.env.heat, 'runs as the stock one',
                     'heat-overlay disable'):
            self.assertIn(part, done.stderr)

    def rename_version(self, version):
        os.rename(self.env.dist_info, self.env.dist_info.replace(
            self.env.version, version))

    def test_other_release(self):
        self.rename_version('19.0.0')
        self.assertStock('Heat 19.0.0 in %s runs as the stock one, because '
                         'the overlay is tested with Heat 22, 23, 24, 25, 26, '
                         '27 only' % self.env.heat)
        # The reason can be asked for.
        done = self.run_heat('from heat import overlay; '
                             'print(overlay.refusal())')
        self.assertEqual(done.stderr, done.stdout)
        self.assertIn('19.0.0', done.stdout)
        # It is one record where logging is set up.
        done = self.run_heat(
            'import logging; logging.basicConfig(format="%(levelname)s '
            '%(name)s"); import heat')
        self.assertEqual('ERROR heat.overlay\n', done.stderr)

    def test_newer_release(self):
        self.rename_version('28.0.0.0rc1')
        self.assertStock('Heat 28.0.0.0rc1 in ')

    def test_release_of_the_distribution_beside_the_package_counts(self):
        other = self.useFixture(overlay_fixtures.Environment('19.0.0'))
        shutil.rmtree(other.heat)
        done = self.env.run('-c', 'import heat', python_path=[
            CHECKOUT, other.site_packages])
        self.assertEqual((0, ''), (done.returncode, done.stderr))

    def test_unknown_release(self):
        shutil.rmtree(self.env.dist_info)
        self.assertStock('Heat (unknown) in ')

    def test_other_python(self):
        for version in ('3.8', '3.15'):
            self.assertStock(
                'the overlay is tested with Python 3.9 to 3.14 only, and this '
                'is ' + version,
                'import sys; sys.version_info = (%s, 0, "final", 0); '
                % version.replace('.', ', '))

    def test_older_python_can_read_the_code_that_refuses_it(self):
        for module in (heat.overlay, overlay_releases, overlay_digests):
            with open(module.__file__) as source:
                ast.parse(source.read(), feature_version=(3, 6))

    def test_other_sqlalchemy(self):
        for version, refused in (('1.3.24', True), ('3.0.0b1', True),
                                 ('1.4.51', False)):
            folder = os.path.join(self.env.site_packages,
                                  'SQLAlchemy-%s.dist-info' % version)
            os.mkdir(folder)
            if refused:
                self.assertStock('the overlay is tested with SQLAlchemy 1.4, '
                                 '2.0, 2.1 only, and %s is installed'
                                 % version)
            else:
                self.assertActive()
            os.rmdir(folder)

    def assertActive(self):
        done = self.run_heat('import heat; print(heat.overlay.refusal())')
        self.assertEqual(('None\n', ''), (done.stdout, done.stderr))

    def test_what_is_refined_has_changed(self):
        service = self.env.module('heat.engine.service')
        manage = self.env.module('heat.cmd.manage')
        for module, before, after, reason in (
                ('engine.service', 'files_container=None, template_id=None',
                 'files_container=None, template_id=None, dry_run=False',
                 'EngineService.update_stack in %s takes (self, cnxt, '
                 % service),
                ('engine.service', 'def start_with_acquired_lock',
                 'def start_locked', 'it has no ThreadGroupManager.'
                 'start_with_acquired_lock in %s' % service),
                ('cmd.manage', 'def do_migrate(): pass', 'do_migrate = None',
                 'do_migrate in %s is not a function' % manage),
                ('cmd.status', '_upgrade_checks', '_checks',
                 'it has no Checks._upgrade_checks in ')):
            self.env.edit('heat.' + module, before, after)
            self.assertStock(reason)
            self.env.edit('heat.' + module, after, before)

    def test_source_that_cannot_be_read(self):
        source = self.env.module('heat.cmd.status')
        for make in (lambda: os.remove(source),
                     lambda: self.env.write(source, 'def\n')):
            make()
            self.assertStock('its source file %s cannot be read' % source)

    def test_body_of_a_method_may_differ(self):
        self.env.edit('heat.engine.service', 'class EngineService:',
                      'class EngineService:\n    other = 1')
        self.assertActive()

    def test_ctrl_c_in_heat_manage_is_that_of_the_stock_one(self):
        self.rename_version('19.0.0')
        done = self.run_heat('import sys; sys.argv[0] = "heat-manage"; '
                             'import heat, signal; print(signal.getsignal('
                             'signal.SIGINT) is signal.default_int_handler)')
        self.assertEqual('True\n', done.stdout)


class DigestsTest(common.HeatTestCase):
    """If one of these fails, run tools/digests.py."""

    def test_each_refined_module_has_digests(self):
        self.assertEqual(set(overlay_releases.REFINED),
                         set(overlay_digests.DIGESTS))

    def test_the_installed_files_need_no_parser(self):
        folder = os.path.dirname(heat.__file__)
        parse = self.patchobject(overlay_source, 'difference')

        self.assertIsNone(overlay_releases.why_not(
            migrate_version.heat_version(), folder))
        parse.assert_not_called()


class VersionTest(testtools.TestCase):
    """The version of Heat is read from the metadata beside its folder."""

    def version(self, *names):
        folder = self.useFixture(fixtures.TempDir()).path
        for name in names:
            os.mkdir(os.path.join(folder, name))
        return overlay._version('openstack-heat',
                                os.path.join(folder, 'heat'))

    def test_of_pip(self):
        self.assertEqual('27.0.1', self.version(
            'heat', 'openstack_heat-27.0.1.dist-info', 'other-1.dist-info'))

    def test_of_a_distribution(self):
        self.assertEqual('24.0.0', self.version(
            'openstack_heat-24.0.0.egg-info'))
        self.assertEqual('22.0.0', self.version(
            'openstack_heat-22.0.0-py3.12.egg-info'))
