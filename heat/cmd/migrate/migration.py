# SPDX-License-Identifier: Apache-2.0

"""One run of migrate-convergence-1 or revert-convergence-1."""

import contextlib
import functools
import sys
import time

from oslo_log import log as logging

from heat.cmd.migrate import arguments
from heat.cmd.migrate import broker
from heat.cmd.migrate import database
from heat.cmd.migrate import engines
from heat.cmd.migrate import from_run
from heat.cmd.migrate import html_report
from heat.cmd.migrate import outcome
from heat.cmd.migrate import progress
from heat.cmd.migrate import protection
from heat.cmd.migrate import report
from heat.cmd.migrate import run
from heat.cmd.migrate import summary
from heat.cmd.migrate import workers
from heat.common import context as heat_context
from heat.common.migrate import text as migrate_text
from heat.common.migrate import version as migrate_version
from heat.db.migrate import roots as migrate_roots
from heat.engine.migrate import events as migrate_events

LOG = logging.getLogger(__name__)


class Migration:
    """One run over the stacks that the arguments select.

    :param args: the parsed arguments
    :param action: the :class:`Action` for each stack
    :param convergence: what the stacks are before
    :param become: what they are to be, in a word or a few
    """

    def __init__(self, args, action, convergence, become):
        self._args = args
        self._action = action
        self._convergence = convergence
        self._become = become
        self._via_engines = getattr(args, 'via_engines', False)
        self._from_run = getattr(args, 'from_run', None)
        self._protection = protection.Check(
            getattr(args, 'unprotected', False), report.warn)

    def main(self):
        """Do what the arguments say; returns the exit status."""
        ids = arguments.check(self._args)
        database.check_database()
        context = heat_context.get_admin_context()
        stacks, total = self._select(context, ids)
        # The page is checked first: if it cannot be written, the run ends
        # before the first stack. Signals are caught before workers start, or
        # Ctrl-C would end one with a traceback, and until the page is written.
        with run.Stop().on_signals() as stop, self._page() as page:
            return self._run(stacks, total, self._workers(context, total),
                             page, stop)

    def _page(self):
        if self._args.report is None:
            return contextlib.nullcontext()
        return html_report.Page(self._args.report, self._action.title,
                                self._args.project)

    def _select(self, context, ids):
        """Return the stacks as an iterator, and their number."""
        if self._from_run is not None:
            stacks = from_run.converted_in(self._from_run)
            return iter(stacks), len(stacks)
        if not self._args.all:
            return run.named_stacks(context, ids), len(ids)
        kind = (self._convergence, self._args.project,
                None if getattr(self._args, 'include_native', True)
                else migrate_events.CONVERSION)
        total = migrate_roots.count_roots(context, *kind)
        if not total:
            # A stack that was created since then needs no check and no worker.
            return iter(()), 0
        check = functools.partial(self._check_engines, context)
        return run.all_stacks(context, *kind, before_next=check), total

    def _workers(self, context, total):
        if not total:
            return workers.InProcess(self._action)
        size = self._args.workers
        if self._via_engines:
            broker.connect_to_engines()
            hosts = engines.hosts_up(context)
        self._check_engines(context)
        if self._via_engines:
            return engines.Engines(hosts, size, warn=report.warn)
        notify = broker.can_notify()
        return workers.staff(self._action, size, total, notify,
                             self._args.stack_timeout)

    def _check_engines(self, context):
        """Check that every running engine has the race protection.

        :raises Unprotected: when one lacks it
        """
        if self._action.outcome in (outcome.CONVERTED, outcome.REVERTED):
            self._protection(context)

    def _run(self, stacks, total, staff, page, stop):
        args = self._args
        counts = self._report()
        self._begin(counts, total, staff)
        show = progress.of(counts, total, limit=args.limit,
                           bar=total > 1 and not (
                               counts.at_once and sys.stdout.isatty()))
        begun = time.monotonic()

        def add(outcome):
            counts.add(outcome)
            if page:
                page.add(outcome)

        going = run.Run(stacks, staff, add, show,
                        run.Pace(args.max_rate, args.pause_file), stop,
                        args.limit, args.retry, self._action.counted)
        unprotected = None
        try:
            going.go()
        except protection.Unprotected as exc:
            unprotected = exc
        finally:
            show.close()
            stopped = stop.requested and not counts.handled
            if not stopped:
                counts.end(time.monotonic() - begun)
        why = _why_early(unprotected, stopped, going.complete, stop.requested)
        if why:
            report.warn(why)
        status = (summary.FAILED if unprotected
                  else counts.exit_status(going.complete))
        LOG.info('Run ended with exit status %(status)d: %(summary)s', {
            'status': status,
            'summary': summary.STOPPED if stopped else next(
                counts.summary(time.monotonic() - begun))})
        return status

    def _report(self):
        args = self._args
        return report.FORMATS[args.format](
            self._become, not args.all and self._from_run is None,
            args.long, args.by == 'project', counted=self._action.counted)

    def _begin(self, counts, total, staff):
        """Print and log what the run will do."""
        what = (self._action.title, migrate_text.count(total, 'stack'),
                migrate_text.count(staff.size, 'worker'))
        counts.begin(['%s: %s, %s' % what, migrate_version.both(),
                      'Database %s' % database.shown()])
        LOG.info('Run begins: %(what)s, %(stacks)s, %(workers)s',
                 dict(zip(('what', 'stacks', 'workers'), what)))


def _why_early(unprotected, stopped, complete, by_signal):
    """Say why a run ended before the last stack; None if it did not.

    :param unprotected: the error that ended it, or None
    :param stopped: whether a signal came before the first stack was handled
    """
    if unprotected:
        return 'ERROR: Ended before the last stack: %s' % unprotected
    if stopped:
        return summary.STOPPED
    if not complete:
        return ('Ended before the last stack, by %s: run the command again to '
                'continue.' % ('a signal' if by_signal else '--limit'))
    return None
