# SPDX-License-Identifier: Apache-2.0

"""Show how far a run is: a bar on a terminal, or a line now and then."""

import importlib.util
import sys
import time

from heat.cmd.migrate import summary

# Seconds between two lines, and between two looks of the bar.
_LINES, _BAR = 5, 0.1

_PAUSED = 'paused: no stack begins while the pause file exists'


class _Progress:

    interval = _LINES

    def __init__(self, report, total, stream, limit=None):
        self._report = report
        self._total = total
        self._limit = limit
        self._stream = stream
        self._begun = time.monotonic()
        self._next = self._begun + self.interval

    def __call__(self, paused):
        """Show the progress, if it is time to.

        :param paused: whether a pause file keeps stacks from beginning
        """
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self.interval
            self._show(paused, now - self._begun)

    def close(self):
        pass

    def _part(self):
        """How far the run is, from 0 to 1.

        Stacks that stay unchanged do not count for the limit. The limit or the
        last stack ends the run, whichever comes first.
        """
        part = self._report.handled / self._total if self._total else 1
        if self._limit:
            part = max(part, self._report.counted / self._limit)
        return min(1, part)

    def _line(self, paused, seconds):
        part = self._part()
        line = '%3d %% in %s' % (100 * part, summary.clock(seconds))
        if paused:
            line += ', ' + _PAUSED
        elif part:
            line += ', %s left, %.1f/s' % (
                summary.clock(seconds / part - seconds),
                self._report.handled / seconds)
        so_far = self._report.so_far
        return line + (': ' + so_far if so_far else '')


class Lines(_Progress):
    """A line every few seconds."""

    def _show(self, paused, seconds):
        print(self._line(paused, seconds), file=self._stream, flush=True)


class Bar(_Progress):
    """A progress bar."""

    interval = _BAR

    def __init__(self, report, total, stream, limit=None):
        super().__init__(report, total, stream, limit)
        # Only a terminal needs rich, and a distribution may lack it.
        from rich import console
        from rich import progress
        # No auto_refresh, which starts a thread: workers are forked.
        self._bar = progress.Progress(
            progress.BarColumn(bar_width=12),
            progress.TextColumn('{task.description}'),
            console=console.Console(file=stream), auto_refresh=False,
            transient=True, redirect_stdout=False, redirect_stderr=False)
        self._task = self._bar.add_task('', total=1)
        self._bar.start()

    def _show(self, paused, seconds):
        self._bar.update(
            self._task, completed=self._part(), refresh=True,
            description=self._line(paused, seconds))

    def close(self):
        self._bar.stop()


def of(report, total, bar, stream=None, limit=None):
    """Make the object that shows the progress of a run.

    :param report: the object that counts the stacks that are done
    :param total: how many there are
    :param bar: whether to show a bar if there is a terminal and rich
    :param limit: how many are changed at most
    """
    stream = stream or sys.stderr
    bar = bar and stream.isatty() and importlib.util.find_spec('rich')
    return (Bar if bar else Lines)(report, total, stream, limit)
