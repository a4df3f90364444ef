# SPDX-License-Identifier: Apache-2.0

import os
import signal
import subprocess
import sys

import fixtures
import testtools

from heat.tests.functional.harness import case
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import owner
from heat.tests.functional.harness import processes

#: A test that is killed: it has started a process that has started another.
_KILLED = """\
import os, signal, sys
from heat.tests.functional.harness import processes
process = processes.Process('child', ['sh', '-c', 'sleep 600 & wait'],
                            dict(os.environ), sys.argv[1])
process.setUp()
print(process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def gone_process():
    """Return the id of a process that has ended."""
    with subprocess.Popen(['true']) as ended:
        pass
    return ended.pid


class ReaperTest(testtools.TestCase):

    def test_processes_of_a_killed_test_end(self):
        folder = self.useFixture(fixtures.TempDir()).path
        killed = subprocess.run(
            [sys.executable, '-c', _KILLED, folder], text=True, cwd=folder,
            env=processes.environment(), stdout=subprocess.PIPE)
        self.assertEqual(-signal.SIGKILL, killed.returncode)
        group = int(killed.stdout)
        self.addCleanup(owner.kill, group)
        processes.wait_until(lambda: self.is_gone(group), 'end')

    def is_gone(self, group):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False


class LeftOverTest(testtools.TestCase):

    def test_only_the_names_of_ended_processes_of_this_machine(self):
        name = owner.new_name()
        gone = name.replace('_%d_' % os.getpid(), '_%d_' % gone_process())
        self.assertTrue(owner.is_left_over(gone))
        words = gone.split('_')
        for other in (name, '_'.join(words[:2] + ['0' * 8] + words[3:]),
                      'mysql', 'heat', 'heat_test_x', '/'):
            self.assertFalse(owner.is_left_over(other), other)


class LocksTest(testtools.TestCase):

    def missing(self):
        class Deployed(case.DeploymentTestCase):
            backend = databases.MYSQL
        self.useFixture(fixtures.MonkeyPatch(
            'heat.tests.functional.harness.case.missing_services',
            lambda _backend: None))
        return Deployed.find_missing()

    def test_an_engine_is_left_out_where_processes_cannot_share_a_lock(self):
        def lock():
            raise OSError(30, 'Read-only file system')
        self.assertIsNone(self.missing())
        self.useFixture(fixtures.MonkeyPatch('multiprocessing.Lock', lock))
        self.assertIn('/dev/shm', self.missing())
