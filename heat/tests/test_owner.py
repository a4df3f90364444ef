# SPDX-License-Identifier: Apache-2.0

import os
import signal
import subprocess
import sys

import fixtures
import testtools

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

    def setUp(self):
        super().setUp()
        self.name = owner.new_name()
        self.gone = self.name.replace('_%d_' % os.getpid(),
                                      '_%d_' % gone_process())

    def test_name_of_a_process_that_runs(self):
        self.assertFalse(owner.is_left_over(self.name))

    def test_name_of_a_process_that_is_gone(self):
        self.assertTrue(owner.is_left_over(self.gone))

    def test_name_of_another_machine(self):
        words = self.gone.split('_')
        self.assertFalse(owner.is_left_over(
            '_'.join(words[:2] + ['0' * 8] + words[3:])))

    def test_other_names(self):
        for name in ('mysql', 'heat', 'heat_test_x', '/'):
            self.assertFalse(owner.is_left_over(name), name)
