# SPDX-License-Identifier: Apache-2.0

"""How fast heat-manage drains a cloud of small stacks."""

import contextlib
import subprocess
import tempfile
import time

import psutil
import sqlalchemy

from heat.tests.functional.harness import configuration
from heat.tests.functional.harness import processes
from tools.bench import deployment
from tools.bench import machine
from tools.bench import side_by_side
from tools.bench import stacks

_RESOURCES = 5

# Seconds between two looks at the memory.
_POLL = 0.2


def run(url, counts, rounds):
    """Measure on one database, in the calling process.

    :param url: SQLAlchemy URL of a database with Heat's schema
    :param counts: how many stacks the fleets have
    :param rounds: how often the first fleet is drained with 1 and with 2
        workers in turn, and how many stacks get a process of their own; the
        other fleets are drained once each
    :returns: one result, a dict
    """
    with tempfile.TemporaryDirectory() as folder:
        fleet = _Fleet(url, folder)
        return {'resources': _RESOURCES,
                'alone': fleet.one_process_each(rounds),
                'drained': [fleet.drain(count, 1 if number else rounds)
                            for number, count in enumerate(counts)]}


class _Fleet(object):
    def __init__(self, url, folder):
        site = deployment.Deployment(sqlalchemy.engine.make_url(url))
        self._writer = stacks.Writer(site.engine, site.creds_id,
                                     deployment.TENANT)
        self._config = configuration.create(folder, {
            'database': {'connection': url},
            'transport_url': 'fake://'})

    def one_process_each(self, count):
        """Seconds for each of some stacks, with a process of its own."""
        nodes = self._write(count)
        return side_by_side.spread([
            _run(self._config, node.id)[0] for node in nodes])

    def drain(self, count, rounds):
        """Rates with 1 and 2 workers, in turn, beside what can be had."""
        rates = {1: [], 2: []}
        peaks, possible = [], []
        for number in range(rounds):
            for workers in sorted(rates, reverse=number % 2):
                self._write(count)
                seconds, peak = _run(self._config, '--all', '--workers',
                                     str(workers))
                rates[workers].append(count / seconds)
                peaks.append(peak)
            possible.append(machine.two_processes_to_one())
        return {
            'stacks': count,
            'stacks a second': {
                str(workers): side_by_side.spread(rate)
                for workers, rate in rates.items()},
            '2 workers to 1': side_by_side.spread(
                [two / one for one, two in zip(rates[1], rates[2])]),
            '2 processes to 1': side_by_side.spread(possible),
            'peak MB': max(peaks)}

    def _write(self, count):
        self._writer.remove()
        nodes = [stacks.flat(_RESOURCES) for _ in range(count)]
        self._writer.write(nodes)
        return nodes


def _run(config, *arguments):
    """Run heat-manage; returns its seconds and its largest process in MB.

    :raises CalledProcessError: when it has not converted every stack
    """
    command = [processes.command('heat-manage'), '--config-file', config,
               'migrate-convergence-1', *arguments]
    start = time.perf_counter()
    running = subprocess.Popen(
        command, env=processes.environment(), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    peak = 0
    while running.poll() is None:
        peak = max(peak, _peak(running.pid))
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(_POLL)
    seconds = time.perf_counter() - start
    if running.returncode:
        raise subprocess.CalledProcessError(running.returncode, command)
    return seconds, peak


def _peak(pid):
    """The most memory that a process or one below it has had, in MB.

    The resource usage of an ended process would not do: Linux counts in what
    the process had that started it.
    """
    peaks = [0]
    with contextlib.suppress(psutil.NoSuchProcess, OSError):
        process = psutil.Process(pid)
        for member in [process, *process.children(recursive=True)]:
            with open('/proc/%d/status' % member.pid) as status:
                peaks += [int(line.split()[1]) / 1024 for line in status
                          if line.startswith('VmHWM:')]
    return max(peaks)
