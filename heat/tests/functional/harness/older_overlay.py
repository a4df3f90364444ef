# SPDX-License-Identifier: Apache-2.0

"""The overlay of an older commit of this repository."""

import os
import subprocess
import sys

import fixtures

from heat.tests.functional.harness import processes

#: The last commit in which the protection had no option of its own, and
#: engines could not be asked about it.
COMMIT = '35db5649466166f7c92fd669521d8da18c62bd2d'


def _git(*words):
    return subprocess.run(('git', '-C', processes.TREE) + words,
                          capture_output=True)


def missing():
    """Why there is no such overlay here, in one line, or None."""
    if _git('cat-file', '-e', COMMIT + '^{commit}').returncode:
        return 'The history of git has no commit %s here' % COMMIT
    return None


class OlderOverlay(fixtures.Fixture):
    """A folder with the tree of that commit, without its tests.

    :ivar path: the folder, for ``PYTHONPATH``.
    :ivar refusal: why it is not active on the Heat that runs the tests, or
        ''.
    """

    def _setUp(self):
        self.path = self.useFixture(fixtures.TempDir()).path
        archive = _git('archive', COMMIT, 'heat', ':!heat/tests')
        subprocess.run(('tar', '-x', '-C', self.path), check=True,
                       input=archive.stdout)
        self.refusal = subprocess.run(
            (sys.executable, '-c',
             'import heat; print(heat.overlay.refusal() or "")'),
            env=processes.environment(tree=self.path), cwd=os.sep,
            check=True, capture_output=True, text=True).stdout.strip()
