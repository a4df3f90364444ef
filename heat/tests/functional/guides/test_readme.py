# SPDX-License-Identifier: Apache-2.0

"""Follow README's "Try it without a cloud" in two terminals."""

import os
import re
import signal
import subprocess
import sys

import fixtures
import testtools

from heat.tests.functional.commands import command
from heat.tests.functional.harness import processes

_README = os.path.join(processes.TREE, 'README.rst')

_BLOCK = re.compile(r'::\n\n((?:    .*\n|\n)+)')

# The environment that a terminal keeps between blocks.
_LASTING = re.compile(r'^(?:\.|export) .*\n', re.MULTILINE)


def blocks(title):
    """The literal blocks of a section of README."""
    with open(_README) as readme:
        section = re.split(r'\n(.+)\n=+\n', readme.read())
    text = section[section.index(title) + 1]
    return [re.sub('^    ', '', block, flags=re.MULTILINE)
            for block in _BLOCK.findall(text)]


class ReadmeTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir())
        for name in ('heat', 'heat_overlay', 'demo'):
            os.symlink(os.path.join(processes.TREE, name),
                       self.folder.join(name))
        # The environment of run_demo.sh, or another one with the same
        # packages.
        os.makedirs(self.folder.join('.venv/bin'))
        with open(self.folder.join('.venv/bin/activate'), 'w') as activate:
            activate.write('PATH=%s:$PATH\n' % os.path.dirname(
                sys.executable))
        self.port = str(command.free_port())
        self.env = processes.environment(stock=True, HOME=self.folder.path)

    def words(self, *parts):
        return ''.join(parts).replace('8004', self.port)

    def begin(self, name, *parts):
        """Type lines; the last one runs until Ctrl-C."""
        sandbox = self.useFixture(processes.Process(
            name, ['/bin/sh', '-c', self.words(*parts)], self.env,
            self.folder.path))
        sandbox.wait_until(lambda: 'ready' in sandbox.log(), 'ready')
        return sandbox

    def interrupt(self, sandbox):
        """Type Ctrl-C, which the terminal sends to all of its processes."""
        os.killpg(sandbox.pid, signal.SIGINT)
        processes.wait_until(lambda: not sandbox.alive(), 'end of sandbox')

    def run_lines(self, *parts):
        done = subprocess.run(
            ['/bin/sh', '-ec', self.words(*parts)], cwd=self.folder.path,
            env=self.env, text=True, capture_output=True)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def test_try_it_without_a_cloud(self):
        start, create, plan, again, update, event = blocks(
            'Try it without a cloud')
        first, second = (''.join(_LASTING.findall(block))
                         for block in (start, create))

        sandbox = self.begin('first', start)
        self.run_lines(create)
        self.interrupt(sandbox)
        self.assertRegex(self.run_lines(first, plan),
                         r'(?s)ready +1 .*1 stack in .*: 1 can become')
        self.begin('again', first, again)
        self.assertIn(' '.join(event.split()),
                      ' '.join(re.sub(r'[|]', ' ', self.run_lines(
                          second, update)).split()))
