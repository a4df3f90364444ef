# SPDX-License-Identifier: Apache-2.0

import datetime
import glob
import json
import os
import shutil

import testscenarios

from heat.tests import other_user
from heat.tests import overlay_command_case as case
from heat.tests import overlay_fixtures


class StatusTest(case.CommandTestCase):

    def status(self, exit_status, *args, env=None, **kwargs):
        done = (env or self.env).overlay('status', '--format', 'json', *args,
                                         **kwargs)
        self.assertEqual((exit_status, ''), (done.returncode, done.stderr))
        return json.loads(done.stdout)

    def test_start_up_files_that_others_cannot_read(self):
        os.chmod(self.env.path, 0o755)
        copy = self.copy_of_the_overlay()
        os.chmod(os.path.dirname(copy), 0o755)
        self.assertDone(self.env.overlay('enable', checkout=copy))
        self.assertEqual(0, self.env.overlay('status').returncode)
        pth = os.path.join(self.env.site_packages, case.PTH)
        os.chmod(pth, 0o640)
        done = self.env.overlay('status')
        self.assertEqual((2, ''), (done.returncode, done.stderr))
        self.assertIn('other users cannot read %s'
                      % os.path.realpath(pth), done.stdout)

    def test_not_active(self):
        status = self.status(1)
        self.assertFalse(status['active'])
        self.assertTrue(status['tested'])
        self.assertEqual([], status['means'])
        self.assertIsNone(status['since'])
        self.assertEqual({'version': '27.0.1', 'location': self.env.heat},
                         status['heat'])
        self.assertEqual(self.env.python, status['python']['location'])

    def test_active_by_python_path(self):
        status = self.status(0, python_path=[case.CHECKOUT])
        self.assertTrue(status['active'])
        self.assertEqual(['PYTHONPATH'], status['means'])
        self.assertEqual(case.CHECKOUT, status['overlay']['location'])

    def test_active_by_start_up_file(self):
        self.env.overlay('enable')
        os.utime(os.path.join(self.env.site_packages, case.PTH), (60, 60))
        status = self.status(0)
        self.assertTrue(status['active'])
        self.assertEqual(['start-up file in ' + self.env.site_packages],
                         status['means'])
        self.assertEqual(60, datetime.datetime.fromisoformat(
            status['since']).timestamp())

    def test_untested_but_not_activated_is_not_active(self):
        status = self.status(1, env=self.untested())
        self.assertFalse(status['tested'])
        self.assertIn('Heat 19.0.0 in ', status['refusal'])

    def test_refused(self):
        status = self.status(2, env=self.untested(),
                             python_path=[case.CHECKOUT])
        self.assertFalse(status['active'])
        self.assertEqual(['PYTHONPATH'], status['means'])
        self.assertIn('Heat 19.0.0 in ', status['refusal'])

    def test_no_heat(self):
        shutil.rmtree(self.env.heat)
        status = self.status(2)
        self.assertIsNone(status['heat'])
        self.assertIn("No module named 'heat'", status['refusal'])

    def test_of_another_python(self):
        other = self.untested()
        status = self.status(1, '--python', other.python)
        self.assertEqual('19.0.0', status['heat']['version'])

    def test_what_is_no_python(self):
        for python, reason in (
                ('/nowhere', '/nowhere'),
                ('/bin/true', '/bin/true does not work as a Python')):
            self.assertFails(self.env.overlay('status', '--python', python),
                             reason)

    def test_text_says_the_same(self):
        done = self.env.overlay('status', python_path=[case.CHECKOUT])
        self.assertDone(done)
        rows = dict(line.split(':', 1) for line in done.stdout.splitlines())
        self.assertEqual('active', rows['Overlay'].strip())
        self.assertEqual('PYTHONPATH', rows['By'].strip())
        self.assertEqual('27.0.1 in ' + self.env.heat, rows['Heat'].strip())
        self.assertEqual('yes', rows['Tested with this Heat'].strip())


class OtherUserTest(testscenarios.TestWithScenarios, case.CommandTestCase):
    """The command as another user than the one who installed it."""

    scenarios = [
        ('nothing is hidden', {'hide': [], 'status': 0}),
        ('the tree is hidden', {'hide': ['copy/heat'], 'status': 2}),
        ('its files are hidden', {'hide': ['copy/heat/*'], 'status': 2}),
        ('one of its files is hidden',
         {'hide': ['copy/heat/overlay_digests.py'], 'status': 2}),
        ('a start-up file is hidden',
         {'hide': ['lib/*/site-packages/' + case.PTH], 'status': 2}),
        ('start-up files are hidden',
         {'hide': ['lib/*/site-packages/*heat[-_]overlay*'], 'status': 2}),
        ('Heat is hidden', {'hide': ['lib/*/site-packages/heat'],
                            'status': 2}),
        ('the files of Heat are hidden',
         {'hide': ['lib/*/site-packages/heat/*'], 'status': 2}),
    ]

    def setUp(self):
        super().setUp()
        maker = other_user.python()
        if maker is None:
            self.skipTest('Needs root, and a Python that all can run')
        self.env = self.useFixture(overlay_fixtures.Environment(python=maker))
        os.chmod(self.env.path, 0o755)
        self.copy = os.path.join(self.env.path, 'copy')
        for name in ('heat', 'heat_overlay'):
            shutil.copytree(os.path.join(case.CHECKOUT, name),
                            os.path.join(self.copy, name),
                            ignore=shutil.ignore_patterns('tests'))
        self.assertDone(self.env.overlay('enable', checkout=self.copy))

    def test_status_says_what_this_user_runs_and_why(self):
        for pattern in self.hide:
            for path in glob.glob(os.path.join(self.env.path, pattern)):
                # As with a umask of 077.
                os.chmod(path, os.stat(path).st_mode & 0o700)
        done = self.env.overlay('status', checkout=self.copy,
                                **other_user.ARGUMENTS)
        self.assertEqual(self.status, done.returncode, done.stdout)
        self.assertNotIn('Traceback', done.stderr)
        self.assertIn('active' if self.status == 0 else 'refused',
                      done.stdout)
        self.assertEqual(bool(self.status), 'Reason:' in done.stdout)
