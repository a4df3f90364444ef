# SPDX-License-Identifier: Apache-2.0

"""Write the outcomes of a run as one page for a browser.

The page is self-contained: it can be sent to the owner of a project. Its text
comes from users (names of stacks, errors of plug-ins), so everything is
escaped.
"""

import collections
import contextlib
import os
import re
import tempfile

import jinja2

from heat.cmd.migrate import errors
from heat.cmd.migrate import outcome as outcomes
from heat.cmd.migrate import report
from heat.common.migrate import version as migrate_version

_TEMPLATES = os.path.join(os.path.dirname(__file__), 'templates')

# The owner of a project must not see the ids of engines and the hosts of
# services, which errors of plug-ins name in many ways. Nor may the owner see
# stacks of other projects.
_HIDDEN = (
    (re.compile(r'\bengine [0-9a-f-]{36}'), 'an engine'),
    (re.compile(r'(?<=cannot be computed: ).*(?=\. Remove the cause)',
                re.DOTALL), 'the operator knows the error'),
    (re.compile(r'(?<=cannot be used: ).*(?=\. Let its owner)', re.DOTALL),
     'the operator knows the error'),
    (re.compile(r'\bhttps?://[^\s"\'<>]+'), 'the URL of a service'),
    (re.compile(r'Those others are: .*?(?=\. To abandon, |$)', re.DOTALL),
     'The operator knows which'))
_FAILED = 'The operator has to look at this stack.'


class Bar:
    """How many stacks had one outcome, as a part of all."""

    def __init__(self, words, number, whole):
        self.words = words
        self.number = number
        self.percent = round(100 * number / whole, 1) if whole else 0


class Page:
    """Collects outcomes and writes the page at the end.

    :param path: where the page goes; only the user who runs the command
        can read it
    :param title: the title of the page
    :param project: the only project that the page is about; hosts and
        engines are left out then
    :raises CommandError: when the page cannot be written there
    """

    def __init__(self, path, title, project=None):
        # The page replaces the target of a link, not the link.
        self._path = os.path.realpath(path)
        self._title = title
        self._project = project
        self._left = collections.defaultdict(list)
        self._outcomes = collections.Counter()
        self._projects = collections.defaultdict(collections.Counter)
        # Fail before the first stack if the page cannot be written.
        if os.path.exists(self._path) and not os.path.isfile(self._path):
            # A device or a pipe would be replaced by the page.
            raise self._error('it is not a file')
        try:
            handle, self._temporary = tempfile.mkstemp(
                prefix='.convergence-', dir=os.path.dirname(self._path))
        except OSError as exc:
            raise self._error(exc.strerror) from exc
        self._file = os.fdopen(handle, 'w', encoding='utf-8')

    def _error(self, why):
        return errors.CommandError('The report %s cannot be written: %s.'
                                   % (self._path, why))

    def add(self, outcome):
        """Record an Outcome."""
        self._outcomes[outcome.outcome] += 1
        self._projects[outcome.project][outcome.outcome] += 1
        if outcome.code:
            self._left[outcome.code].append(self._shown(outcome))

    def _shown(self, outcome):
        message = outcome.message or ''
        if self._project:
            message = (_FAILED if outcome.outcome == outcomes.FAILED
                       else _hidden(message))
        return outcome._replace(
            message=report.printable(message),
            name=report.printable(outcome.name or '-'))

    def __enter__(self):
        return self

    def __exit__(self, kind, _exc, _traceback):
        """Write the whole page; it replaces an older one."""
        try:
            with self._file as page:
                if kind is None:
                    page.write(self._render())
            if kind is None:
                os.replace(self._temporary, self._path)
        except OSError as exc:
            raise self._error(exc.strerror) from exc
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.remove(self._temporary)

    def _render(self):
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True,
            undefined=jinja2.StrictUndefined, trim_blocks=True,
            lstrip_blocks=True)
        return environment.get_template('report.html').render(
            title=self._title, project=self._project,
            versions=migrate_version.both(),
            total=sum(self._outcomes.values()), bars=_bars(self._outcomes),
            projects=[(name or '-', _bars(counts), sum(counts.values()))
                      for name, counts in sorted(
                          self._projects.items(),
                          key=lambda item: item[0] or '')],
            left=sorted(self._left.items()))


def _hidden(message):
    for pattern, instead in _HIDDEN:
        message = pattern.sub(instead, message)
    return message


def _bars(counts):
    whole = sum(counts.values())
    return [Bar(outcome, number, whole)
            for outcome, number in sorted(counts.items())]
