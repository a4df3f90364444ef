# SPDX-License-Identifier: Apache-2.0

"""Check that all running engines have the protection."""

import collections

import oslo_messaging
from oslo_utils import timeutils

from heat.cmd.migrate import ask_engines
from heat.cmd.migrate import errors
from heat.common.migrate import broker as migrate_broker
from heat.common.migrate import options as migrate_options
from heat.engine.migrate import dead_engines as migrate_dead_engines

#: How often a silent engine is asked. An engine with much work may be late.
TIMES = 6

# Seconds after which an engine that is down is not asked any more. Heat keeps
# the row of an engine whose host is gone for good.
_FORGOTTEN = 24 * 60 * 60

_UNPROTECTED = (
    'Engines are running without the protection (%s). Such an engine does '
    'not notice that a stack is converted or reverted while it begins an '
    'operation on it.')
_WHAT_TO_DO = (
    ' Enable the overlay on these hosts, set migrate_protection = true there, '
    'and restart the engines. Or give --unprotected to continue.')
_WAITING = ('Waiting for the engines on %s to answer, for %d seconds at most.')
_CANNOT_ASK = (
    'Engines are running (%s), and here migrate_protection is false. An '
    'engine without it does not notice that a stack is converted or reverted '
    'while it begins an operation on it: set it to true for all engines, or '
    'stop them.')


class Unprotected(errors.CommandError):
    """An engine is running without the protection."""


class Check:
    """Checks, as often as it is called, that each listed engine is protected.

    An engine that is listed as down for less than a day may run: the clock of
    this host may be ahead, or the database was away. It counts only if it
    answers, and is asked once.

    Any transport but RabbitMQ is for tests, and no other process can use it.
    Then the heat.conf of this command decides.

    :param go_on: whether to warn only
    :param warn: called with a line that the operator should read
    """

    def __init__(self, go_on, warn):
        self._go_on = go_on
        self._warn = warn
        # The ids of engines that are down and did not answer.
        self._ended = set()

    def __call__(self, context):
        """Ask the engines.

        :raises Unprotected: names the hosts and says what to do
        """
        listed = list(filter(_may_run, migrate_dead_engines.listed(context)))
        up = {service['engine_id'] for service in listed
              if migrate_dead_engines.is_up(service)}
        self._ended -= up
        hosts = {service['engine_id']: service['host'] for service in listed
                 if service['engine_id'] not in self._ended}
        if not _can_ask():
            self._warn_without_asking(hosts, up)
        elif hosts:
            self._judge(_reasons(hosts, self._answers(hosts, up)))

    def _warn_without_asking(self, hosts, up):
        if up and not migrate_options.protects():
            self._warn(_CANNOT_ASK % ', '.join(sorted(
                {hosts[engine_id] for engine_id in up})))

    def _answers(self, hosts, up):
        """Map the ids of the engines that may run to their answers."""
        answers, why_none = _ask_again(hosts, up, self._warn)
        if why_none and up:
            self._warn('No engine can be asked whether it has the protection: '
                       '%s' % why_none)
        if not why_none:
            self._ended |= hosts.keys() - up - answers.keys()
        return dict.fromkeys(up, ask_engines.SILENT) | answers

    def _judge(self, reasons):
        if not reasons:
            return
        text = _UNPROTECTED % '; '.join(
            '%s: %s' % (host, ', '.join(sorted(found)))
            for host, found in sorted(reasons.items()))
        if not self._go_on:
            raise Unprotected(text + _WHAT_TO_DO)
        self._warn(text)


def _may_run(service):
    seen = service['updated_at'] or service['created_at']
    return migrate_dead_engines.is_up(service) or not timeutils.is_older_than(
        seen, _FORGOTTEN)


def _reasons(hosts, answers):
    """Map the hosts of unprotected engines to the answers of these."""
    reasons = collections.defaultdict(set)
    for engine_id, answer in answers.items():
        if answer != ask_engines.PROTECTED:
            reasons[hosts[engine_id]].add(answer)
    return reasons


def _can_ask():
    try:
        return migrate_broker.is_rabbit()
    except oslo_messaging.InvalidTransportURL:
        # The caller reports what is wrong.
        return True


def _ask_again(hosts, up, warn):
    """As ask_engines.ask, but ask those that do not answer TIMES times.

    :param hosts: {engine id: host}
    :param up: ids of those that should answer; the others are asked once
    """
    answers, why_none = ask_engines.ask(list(hosts))
    for time_left in range((TIMES - 1) * ask_engines.TIMEOUT, 0,
                           -ask_engines.TIMEOUT):
        silent = [engine_id for engine_id in hosts
                  if engine_id in up and engine_id not in answers]
        if why_none or not silent:
            break
        if time_left == (TIMES - 1) * ask_engines.TIMEOUT:
            warn(_WAITING % (', '.join(sorted(
                {hosts[engine_id] for engine_id in silent})), time_left))
        found, why_none = ask_engines.ask(silent)
        answers.update(found)
    return answers, why_none
