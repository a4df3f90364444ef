# SPDX-License-Identifier: Apache-2.0

import io
import pathlib
import tarfile

import fixtures
import testtools

from heat.tests import sources


class ToolTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.tool = sources.load_tool('heat_unit_tests')

    def test_each_test_that_does_not_end_the_same_is_named(self):
        for without, overlay, expected in (
                (['fail'], ['fail'], []),
                (['success'], ['fail'],
                 ['a: success without the overlay, fail with it']),
                (['fail'], ['success'],
                 ['a: fail without the overlay, success with it']),
                (['success'], None,
                 ['a: success without the overlay, not run with it']),
                # Two tests with the same id.
                (['success', 'success'], ['fail', 'success'],
                 ['a: success, success without the overlay, '
                  'fail, success with it'])):
            self.assertEqual(expected, self.tool.differences(
                {'a': without, 'b': ['success']},
                dict({'a': overlay} if overlay else {}, b=['success'])))

    def test_what_did_not_pass_is_chosen_and_what_is_always_run(self):
        passed = {name: ['success'] for name in 'abc'}
        for overlay, always, expected in (
                ({'a': ['success'], 'b(1)': ['fail'], 'b(2)': ['success']},
                 None, {'b', 'c'}),
                (passed, None, set()), (passed, '^b', {'b'})):
            self.assertEqual(expected, self.tool.without_overlay(
                ['a', 'b', 'c'], overlay, always))

    def test_only_the_tests_of_heat_are_left(self):
        # Other source files would be tested instead of the installed code.
        folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        archive = folder / 'openstack_heat-1.tar.gz'
        kept = ['etc/heat/api-paste.ini', 'heat/__init__.py',
                'heat/tests/test_stack.py']
        with tarfile.open(archive, 'w:gz') as tar:
            for name in [*kept, 'heat/version.py', 'heat/engine/stack.py']:
                tar.addfile(tarfile.TarInfo('openstack_heat-1/' + name),
                            io.BytesIO())
        tree = self.tool.unpack(archive)
        self.assertEqual(kept, sorted(
            str(path.relative_to(tree)) for path in tree.rglob('*')
            if path.is_file()))
        self.assertEqual(self.tool.HEAT_INIT,
                         (tree / 'heat' / '__init__.py').read_text())

    def test_the_modules_that_are_needed_are_left(self):
        tree = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        tests = tree / 'heat' / 'tests'
        (tests / 'engine').mkdir(parents=True)
        for name in ('common', 'test_stack', 'engine/test_stack',
                     'engine/test_stack_lock'):
            (tests / (name + '.py')).touch()
        self.tool.leave_out(tree, r'^heat\.tests\.engine\.test_stack\.')
        self.assertEqual(
            ['__init__.py', 'common.py', 'engine/test_stack.py'], sorted(
                str(path.relative_to(tests)) for path in tests.rglob('*.py')))
