# SPDX-License-Identifier: Apache-2.0

"""Run tests with stestr, and print the progress.

The progress is printed at least every 15 seconds, and a failure at once. A log
gets all tracebacks and the standard error of the tests.
"""

import contextlib
import csv
import dataclasses
import datetime
import functools
import importlib.util
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time

import subunit
import testtools

#: Seconds between two lines.
EVERY = 10

#: Lines of a traceback that are shown.
_SHOWN = 25

_OWNER = (pathlib.Path(__file__).resolve().parent.parent /
          'heat/tests/functional/harness/owner.py')

#: Failed beside other tests, and passed afterwards.
UNSTEADY = 'unsteady'

_PASSED = ('success', 'xfail')
_GOOD = (*_PASSED, UNSTEADY)
_BAD = ('fail', 'uxsuccess')

#: The name of a failed class or module, in place of a test.
_WHOLE = re.compile(r'^\w+ \(([\w.]+)\)')


@dataclasses.dataclass(frozen=True)
class Result:
    """How a test ended.

    :ivar seconds: since the end of the test before in the same process, so the
        set-up of a class counts for its first test.
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
        return self._names('skip')

    @property
    def unsteady(self):
        """The names of the tests that passed in their second try only."""
        return self._names(UNSTEADY)

    def _names(self, status):
        return [result.name for result in self.results
                if result.status == status]

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
    """Count a failure outside of any test."""
    return Count((Result(name, 'fail', 0),))


def renamed(count, form):
    """Rename tests that did not pass, to show where they ran: form % name."""
    return Count(tuple(
        result if result.status in _PASSED else
        dataclasses.replace(result, name=form % result.name)
        for result in count.results))


def after_second_try(count, second):
    """Call the failed tests of a run unsteady that passed in another one."""
    # Any other status is that of a test whose process died. Those that it had
    # still to run have no result at all.
    return Count(tuple(
        dataclasses.replace(result, status=UNSTEADY)
        if result.status in _BAD and _passed(selector(result.name), second)
        else result for result in count.results))


def _passed(chosen, second):
    """Whether a test, or each test of a failed class, passed."""
    found = [result.status for result in second.results
             if (selector(result.name) + '.').startswith(chosen + '.')]
    # A class may have tests that are left out here.
    return bool(set(found).intersection(_GOOD)) and (
        set(found) <= {*_GOOD, 'skip'})


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
        """Handle an event of subunit's."""
        if test_id is None or not test_status:
            return
        with self._lock:
            if test_status == 'inprogress':
                self._running[test_id] = time.monotonic()
            elif test_status != 'exists':
                self._running.pop(test_id, None)

    def add(self, test):
        """Count a test that has ended, as StreamToDict describes it."""
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
        """Print the progress, if nothing was printed for some seconds."""
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
    """Make stestr use the interpreter that runs this.

    stestr reads the variable PYTHON, and cannot use a path with a space.
    """
    return dict(env, PYTHON=os.path.basename(sys.executable),
                PATH=os.pathsep.join((os.path.dirname(sys.executable),
                                      env.get('PATH', os.defpath))))


def know_times(path, cwd, env):
    """Tell stestr how long tests take, so that its processes end together.

    By itself it knows that only from earlier runs in the same folder, without
    the set-up of classes.

    :param path: of a table that :func:`write_times` has written
    :param cwd, env: as for :func:`run`
    """
    with open(path, newline='') as source:
        times = list(csv.reader(source))[1:]
    with tempfile.NamedTemporaryFile() as stream:
        result = subunit.StreamResultToBytes(stream)
        began = datetime.datetime.now(datetime.timezone.utc)
        for name, seconds in times:
            ended = began + datetime.timedelta(seconds=int(seconds))
            for status, moment in ('inprogress', began), ('success', ended):
                result.status(test_id=name, test_status=status,
                              timestamp=moment)
        stream.flush()
        subprocess.run([sys.executable, '-m', 'stestr', 'load',
                        '--force-init', stream.name], cwd=cwd, env=env,
                       check=True, stdout=subprocess.DEVNULL)


def write_times(path, count):
    """Write the seconds of each test that took one or more."""
    with open(path, 'w', newline='') as target:
        table = csv.writer(target, lineterminator='\n')
        table.writerow(('Test', 'Seconds'))
        table.writerows(sorted(
            (result.name, round(result.seconds)) for result in count.results
            if result.seconds >= 1 and result.status == 'success'))


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
            with _started(command + list(arguments), cwd=cwd, env=env,
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


@contextlib.contextmanager
def _started(command, **kwargs):
    """Start a command that ends with this process, even if that is killed.

    Otherwise the workers of stestr continue without a reader.
    """
    owner = _load(_OWNER)
    with subprocess.Popen(command, start_new_session=True,
                          **kwargs) as process:
        owner.reaper().began(process.pid)
        try:
            yield process
        except BaseException:
            owner.kill(process.pid)
            raise
        finally:
            owner.reaper().ended(process.pid)


@functools.lru_cache(maxsize=None)
def _load(path):
    """Load a module of Heat's tests without Heat, which is faster."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
