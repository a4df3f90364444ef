# SPDX-License-Identifier: Apache-2.0

"""Run tests with stestr, and say what happens while they run.

A line tells at least every 15 seconds how far the run is, and a failure is
shown at once. All tracebacks, and what the tests write to standard error, go
to a log.
"""

import dataclasses
import os
import re
import shlex
import subprocess
import sys
import threading
import time

import subunit
import testtools

#: Seconds between two lines.
EVERY = 10

#: Lines of a traceback that are shown.
_SHOWN = 25

_GOOD = ('success', 'xfail')

#: How a failed class or module is named in place of a test.
_WHOLE = re.compile(r'^\w+ \(([\w.]+)\)')


@dataclasses.dataclass(frozen=True)
class Result:
    """How a test ended.

    :ivar seconds: since the process that ran it had ended the test before:
        what the class of the test sets up counts for its first test.
    """

    name: str
    status: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Count:
    """How the tests of some runs ended."""

    results: tuple = ()

    def __add__(self, other):
        return Count(self.results + other.results)

    def __str__(self):
        return '%d passed, %d failed, %d skipped' % (
            self.passed, len(self.failed), len(self.skipped))

    @property
    def passed(self):
        """The number of tests that passed."""
        return sum(result.status in _GOOD for result in self.results)

    @property
    def failed(self):
        """The names of the tests that failed."""
        return [result.name for result in self.results
                if result.status not in _GOOD + ('skip',)]

    @property
    def skipped(self):
        """The names of the tests that were left out."""
        return [result.name for result in self.results
                if result.status == 'skip']

    def slowest(self, number):
        """The results that took longest, the longest first."""
        return sorted(self.results, key=lambda result: -result.seconds
                      )[:number]

    def statuses(self):
        """All statuses of each test by its name: names need not be unique."""
        found = {}
        for result in self.results:
            found.setdefault(result.name, []).append(result.status)
        return {name: sorted(statuses) for name, statuses in found.items()}


def failure(name):
    """Count something that is no test as a failed one."""
    return Count((Result(name, 'fail', 0),))


def renamed(count, form):
    """Tell where a test that did not pass has run: form % name."""
    return Count(tuple(
        result if result.status in _GOOD else dataclasses.replace(
            result, name=form % result.name) for result in count.results))


def selector(name):
    """Make a regular expression that selects a test that has failed.

    A test that is run for many values is selected with all of them.
    """
    whole = _WHOLE.match(name)
    return whole.group(1) if whole else re.split(r'[( :]', name)[0]


class _Screen(testtools.StreamResult):
    """Prints what happens."""

    def __init__(self, say, log):
        super().__init__()
        self._say = say
        self._log = log
        self._lock = threading.Lock()
        self._began = self._said = time.monotonic()
        self._running = {}
        self._ended = {}
        self.results = []

    def status(self, test_id=None, test_status=None, **kwargs):
        """Take note of an event of subunit's."""
        if test_id is None or not test_status:
            return
        with self._lock:
            if test_status == 'inprogress':
                self._running[test_id] = time.monotonic()
            elif test_status != 'exists':
                self._running.pop(test_id, None)

    def add(self, test):
        """Take note of a test that has ended, as StreamToDict describes it."""
        name = test['id']
        if test['status'] == 'exists' or name == 'stdout':
            return
        result = Result(name, test['status'], self._seconds(test))
        self.results.append(result)
        if result.status not in _GOOD + ('skip',):
            self._show(result, test['details'])

    def _seconds(self, test):
        began, ended = (moment and moment.timestamp()
                        for moment in test['timestamps'])
        if not began or not ended:
            return 0
        # A tag names the process: worker-0.
        worker = str(sorted(test['tags']))
        before = min(self._ended.get(worker, began), began)
        self._ended[worker] = ended
        return ended - before

    def _show(self, result, details):
        for name, text in details.items():
            if text.content_type.type == 'text':
                self._log.write('%s: %s\n%s\n' % (
                    result.name, name, text.as_text()))
        self._log.flush()
        self.say('FAILED %s', result.name)
        for name, text in details.items():
            if 'traceback' in name:
                for line in text.as_text().splitlines()[-_SHOWN:]:
                    print('    ' + line, flush=True)

    def say(self, message, *args):
        """Print a line."""
        self._said = time.monotonic()
        self._say(message, *args)

    def tick(self):
        """Say how far the run is, if nothing was said for some seconds."""
        now = time.monotonic()
        if now - self._said < EVERY:
            return
        with self._lock:
            running = ['%s %d s' % (selector(name).rpartition('.')[2],
                                    now - since)
                       for name, since in self._running.items()]
        failed = len(Count(tuple(self.results)).failed)
        self.say('%d s, %d tests%s; now %s', now - self._began,
                 len(self.results), ', %d FAILED' % failed if failed else '',
                 ', '.join(running) or 'setting up')


def with_interpreter(env):
    """Have stestr run the tests with the interpreter that runs this.

    It would take the variable PYTHON for another one, and cannot do with a
    path that has a space in it.
    """
    return dict(env, PYTHON=os.path.basename(sys.executable),
                PATH=os.pathsep.join((os.path.dirname(sys.executable),
                                      env.get('PATH', os.defpath))))


def run(arguments, cwd, env, log_path, say):
    """Run tests.

    :param arguments: of ``stestr run``.
    :param env: the environment; see :func:`with_interpreter`.
    :param log_path: the ``pathlib.Path`` of the log, which is written anew.
    :param say: prints a line.
    :returns: a :class:`Count`, with a failure if stestr does not work.
    """
    log_path.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, '-m', 'stestr', 'run', '--subunit']
    with open(log_path, 'w') as log:
        screen = _Screen(say, log)
        stop = threading.Event()
        ticker = threading.Thread(target=_tick, args=(screen, stop))
        ticker.start()
        try:
            with subprocess.Popen(command + list(arguments), cwd=cwd, env=env,
                                  stdin=subprocess.DEVNULL, stderr=log,
                                  stdout=subprocess.PIPE) as stestr:
                _read(stestr.stdout, screen)
        finally:
            stop.set()
            ticker.join()
    count = Count(tuple(screen.results))
    if stestr.returncode and not count.failed:
        for line in log_path.read_text().splitlines()[-_SHOWN:]:
            print('    ' + line, flush=True)
        count += failure('stestr run %s: exit status %d; see %s' % (
            shlex.join(arguments), stestr.returncode, log_path))
    return count


def _tick(screen, stop):
    while not stop.wait(1):
        screen.tick()


def _read(stream, screen):
    result = testtools.CopyStreamResult(
        [screen, testtools.StreamToDict(screen.add)])
    result.startTestRun()
    subunit.ByteStreamToStreamResult(
        stream, non_subunit_name='stdout').run(result)
    result.stopTestRun()
