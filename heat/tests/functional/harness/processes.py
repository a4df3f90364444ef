# SPDX-License-Identifier: Apache-2.0

"""Start processes of a test, watch their logs and stop them."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys

import fixtures
import tenacity

from heat.tests.functional.harness import owner

#: The checkout (or the folder of the wheel) that holds this overlay.
TREE = str(pathlib.Path(__file__).resolve().parents[4])

_POLL = 0.1  # seconds
_STOP = 30  # seconds
_END_OF_LOG = 4000  # bytes


class Unready(Exception):
    """Something did not happen before its deadline, or never will."""


def wait_until(predicate, what, seconds=60):
    """Poll until ``predicate`` returns something true.

    :param what: the awaited event, in words for the error.
    :returns: what ``predicate`` returned.
    :raises Unready: at the deadline.
    """
    try:
        return tenacity.Retrying(
            stop=tenacity.stop_after_delay(seconds),
            wait=tenacity.wait_fixed(_POLL),
            retry=tenacity.retry_if_result(lambda result: not result))(
                predicate)
    except tenacity.RetryError:
        raise Unready('After %d s still no %s' % (seconds, what))


def command(name, bin_dir=None):
    """Find a console script: by default beside the running interpreter.

    :param bin_dir: the ``bin`` of another environment.
    :raises FileNotFoundError: when there is no such command.
    """
    own = os.path.dirname(sys.executable)
    path = shutil.which(name, path=bin_dir or os.pathsep.join(
        (own, os.environ.get('PATH', os.defpath))))
    if path is None:
        raise FileNotFoundError('No command %s in %s' % (
            name, bin_dir or own))
    return path


def environment(stock=False, tree=TREE, **variables):
    """Make the environment of a process that runs Heat.

    :param stock: leave the overlay out.
    :param tree: the folder of the overlay.
    """
    env = dict(os.environ, PYTHONWARNINGS='ignore', **variables)
    env.pop('PYTHONPATH', None)
    if not stock:
        env['PYTHONPATH'] = tree
    return env


class Process(fixtures.Fixture):
    """A process with its children, in a process group of its own.

    Its standard output and error go to one file. The rest of the group is
    killed at the end, also when the test itself is killed.
    """

    def __init__(self, name, arguments, env, cwd, pass_fds=()):
        super().__init__()
        self.name = name
        self.arguments = arguments
        self.env = env
        self.cwd = cwd
        self.pass_fds = pass_fds
        self.log_file = os.path.join(cwd, name + '.log')

    def _setUp(self):
        with open(self.log_file, 'ab') as log:
            self._popen = subprocess.Popen(
                self.arguments, env=self.env, cwd=self.cwd, stdout=log,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                pass_fds=self.pass_fds, start_new_session=True)
        owner.reaper().began(self.pid)
        self.addCleanup(owner.reaper().ended, self.pid)
        self.addCleanup(self.kill)

    @property
    def pid(self):
        return self._popen.pid

    def alive(self):
        return self._popen.poll() is None

    def log(self, since=0):
        """Read the output of the process from the byte ``since`` on."""
        with open(self.log_file, 'rb') as log:
            log.seek(since)
            return log.read().decode('utf-8', 'replace')

    def log_size(self):
        return os.path.getsize(self.log_file)

    def signal(self, number):
        """Send a signal to the process, not to its children."""
        self._popen.send_signal(number)

    def terminate(self):
        """Ask the process to stop; ``stop`` waits for it."""
        if self.alive():
            self.signal(signal.SIGTERM)

    def kill(self):
        """Kill the process and its children, as in a crash."""
        owner.kill(self.pid)
        self._popen.wait()

    def stop(self):
        """Stop the process, and kill the rest of its group."""
        self.terminate()
        try:
            self._popen.wait(_STOP)
        except subprocess.TimeoutExpired:
            pass
        self.kill()

    def wait_until(self, predicate, what, seconds=60):
        """Poll while the process lives.

        :raises Unready: at the deadline or when the process has ended, with
            the end of its log.
        """
        def poll():
            if not self.alive():
                raise Unready('%s ended with status %d before %s' % (
                    self.name, self._popen.returncode, what))
            return predicate()
        try:
            return wait_until(poll, '%s (%s)' % (what, self.name), seconds)
        except Unready as exc:
            raise Unready('%s\n%s' % (exc, self.log()[-_END_OF_LOG:]))
