# SPDX-License-Identifier: Apache-2.0

"""Write the outcomes of a run as one page for a browser.

The page is self-contained: it can be sent to the owner of a project. Its text
comes from users (names of stacks, errors of plug-ins), so everything is
escaped.
"""

import collections
import os
import re
import tempfile

import jinja2

from heat.cmd.migrate import errors
from heat.cmd.migrate import outcome as outcomes
from heat.cmd.migrate import report
from heat.common.migrate import version as migrate_version

_TEMPLATES = os.path.join(os.path.dirname(__file__), 'templates')

# The owner of a project must not see the ids of engines.
_ENGINE = re.compile(r'\bengine [0-9a-f-]{36}')
_FAILED = 'The operator has to look at this stack.'


class Bar:
    """How many stacks had one outcome, as a part of a whole."""

    def __init__(self, words, number, whole):
        self.words = words
        self.number = number
        self.percent = round(100 * number / whole, 1) if whole else 0


class Page:
    """Collects outcomes and writes the page at the end.

    :param path: where the page goes; whoever runs the command alone can
        read it
    :param title: what the run was, in a few words
    :param project: the only project that the page is about; hosts and
        engines are left out then
    :raises CommandError: when the page cannot be written there
    """

    def __init__(self, path, title, project=None):
        self._path = path
        self._title = title
        self._project = project
        self._left = collections.defaultdict(list)
        self._outcomes = collections.Counter()
        self._projects = collections.defaultdict(collections.Counter)
        # Before the first stack: what cannot be written is known then.
        if os.path.isdir(path):
            raise errors.CommandError('The report %s cannot be written: it is '
                                      'a folder.' % path)
        try:
            handle, self._temporary = tempfile.mkstemp(
                prefix='.convergence-', dir=os.path.dirname(path) or '.')
        except OSError as exc:
            raise errors.CommandError('The report %s cannot be written: %s.'
                                      % (path, exc.strerror)) from exc
        self._file = os.fdopen(handle, 'w', encoding='utf-8')

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
                       else _ENGINE.sub('an engine', message))
        return outcome._replace(
            message=report.printable(message),
            name=report.printable(outcome.name or '-'))

    def __enter__(self):
        return self

    def __exit__(self, kind, _exc, _traceback):
        """Write the page, whole, in the place of an older one."""
        with self._file as page:
            if kind is None:
                page.write(self._render())
        if kind is None:
            os.replace(self._temporary, self._path)
        else:
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


def _bars(counts):
    whole = sum(counts.values())
    return [Bar(outcome, number, whole)
            for outcome, number in sorted(counts.items())]
