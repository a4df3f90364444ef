# SPDX-License-Identifier: Apache-2.0

"""Show how far a run is: a bar on a terminal, else a line now and then."""

import importlib.util
import sys
import time

# Seconds between two lines, and between two looks of the bar.
_LINES, _BAR = 5, 0.1


class _Progress:

    interval = _LINES

    def __init__(self, report, total, stream):
        self._report = report
        self._total = total
        self._stream = stream
        self._begun = time.monotonic()
        self._next = self._begun + self.interval

    def __call__(self, paused):
        """Show it, if it is time to.

        :param paused: whether a pause file keeps stacks from beginning
        """
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self.interval
            self._show(paused, now - self._begun)

    def close(self):
        pass


class Lines(_Progress):
    """A line every few seconds."""

    def _show(self, paused, seconds):
        handled = self._report.handled
        rate = handled / seconds
        line = '%d of %d stacks, %d left as they were, %.1f a second' % (
            handled, self._total, self._report.left, rate)
        if paused:
            line += ', paused: no stack begins while the pause file exists'
        elif rate:
            line += ', %d seconds to go' % (
                max(0, self._total - handled) / rate)
        print(line, file=self._stream, flush=True)


class Bar(_Progress):
    """A progress bar."""

    interval = _BAR

    def __init__(self, report, total, stream):
        super().__init__(report, total, stream)
        # Only a terminal needs it, and a distribution may not have it.
        from rich import console
        from rich import progress
        # No thread of its own (auto_refresh): workers are forked.
        self._bar = progress.Progress(
            progress.TextColumn('{task.description}'), progress.BarColumn(),
            progress.MofNCompleteColumn(), progress.TimeRemainingColumn(),
            console=console.Console(file=stream), auto_refresh=False,
            transient=True, redirect_stdout=False, redirect_stderr=False)
        self._task = self._bar.add_task('', total=total)
        self._bar.start()

    def _show(self, paused, seconds):
        self._bar.update(
            self._task, completed=self._report.handled, refresh=True,
            description='Paused' if paused else
            'Stacks (%d left as they were)' % self._report.left)

    def close(self):
        self._bar.stop()


def of(report, total, bar, stream=None):
    """Make what shows the progress of a run.

    :param report: what counts the stacks that are done
    :param total: how many there are
    :param bar: whether a bar is welcome where there is a terminal and rich
    """
    stream = stream or sys.stderr
    bar = bar and stream.isatty() and importlib.util.find_spec('rich')
    return (Bar if bar else Lines)(report, total, stream)
