# SPDX-License-Identifier: Apache-2.0

import io
import pathlib
import tarfile

import fixtures
import testtools

from heat.tests import sources


class DifferencesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.differences = sources.load_tool('heat_unit_tests').differences

    def test_same_failure_in_both_runs_is_no_difference(self):
        self.assertEqual([], self.differences({'a': ['fail']},
                                              {'a': ['fail']}))

    def test_failure_with_the_overlay_only(self):
        self.assertEqual(
            ['b: success without the overlay, fail with it'],
            self.differences({'a': ['success'], 'b': ['success']},
                             {'a': ['success'], 'b': ['fail']}))

    def test_failure_that_the_overlay_hides(self):
        self.assertEqual(['a: fail without the overlay, success with it'],
                         self.differences({'a': ['fail']},
                                          {'a': ['success']}))

    def test_test_that_does_not_run_with_the_overlay(self):
        self.assertEqual(['a: success without the overlay, not run with it'],
                         self.differences({'a': ['success']}, {}))

    def test_one_of_two_tests_with_the_same_id(self):
        self.assertEqual(
            ['a: success, success without the overlay, '
             'fail, success with it'],
            self.differences({'a': ['success', 'success']},
                             {'a': ['fail', 'success']}))


class UnpackTest(testtools.TestCase):

    def test_only_the_tests_of_heat_are_left(self):
        # Anything else of the source would be tested in place of the
        # installed code.
        folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        archive = folder / 'openstack_heat-1.tar.gz'
        with tarfile.open(archive, 'w:gz') as tar:
            for name in ('heat/__init__.py', 'heat/version.py',
                         'heat/engine/stack.py', 'heat/tests/test_stack.py',
                         'etc/heat/api-paste.ini'):
                tar.addfile(tarfile.TarInfo('openstack_heat-1/' + name),
                            io.BytesIO())
        tool = sources.load_tool('heat_unit_tests')
        tree = tool.unpack(archive)
        self.assertEqual(
            ['etc/heat/api-paste.ini', 'heat/__init__.py',
             'heat/tests/test_stack.py'],
            sorted(str(path.relative_to(tree)) for path in tree.rglob('*')
                   if path.is_file()))
        self.assertEqual(tool.HEAT_INIT,
                         (tree / 'heat' / '__init__.py').read_text())
