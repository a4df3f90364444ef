# SPDX-License-Identifier: Apache-2.0

"""Take a picture of what --report writes, for the reference.

Needs Chromium. Example: .venv/bin/python -m tools.report_picture
"""

import pathlib
import shutil
import subprocess
import tempfile
from unittest import mock

from heat.cmd.migrate import actions
from heat.cmd.migrate import html_report
from heat.cmd.migrate import outcome as outcomes
from heat.common.migrate import exception

PICTURE = pathlib.Path(__file__).resolve().parent.parent / (
    'doc/source/_static/report.png')
SIZE = '1000,1150'

_ID = '6fe7ad0a-7a5b-44a8-b67a-a4d3d6a0a00%d'
_PROJECTS = ('3f1c0e4b5a6d4f0c9e8b7a6d5c4b3a29',
             '91d5e0c7b2a84f6e8d3c1b0a9f8e7d6c')


def found():
    """Yield the outcomes of a dry run of 300 stacks."""
    for number in range(295):
        yield outcomes.Outcome('', 'x', _PROJECTS[number % 3 // 2],
                               outcomes.PLANNED, None, None, 0, 2, 0.1)
    for number, (name, kind, words) in enumerate((
            ('web', exception.InProgress, {'action': 'UPDATE'}),
            ('db', exception.NotCompleteYet, {'state': 'UPDATE_FAILED'}),
            ('queue', exception.NotCompleteYet, {'state': 'CREATE_FAILED'}),
            ('mail', exception.MissingResources, {'resources': 'port'}),
            ('dns', exception.UnknownResourceType,
             {'type': 'Acme::Zone', 'resource': 'zone'}))):
        stack_id = _ID % number
        refused = kind(stack='%s (%s)' % (name, stack_id), **words)
        yield outcomes.Outcome(
            stack_id, name, _PROJECTS[number % 2], outcomes.REFUSED,
            kind.code, str(refused), None, None, 0.1)


def take(folder):
    """Write the page into a folder, and its picture into the reference."""
    page = pathlib.Path(folder) / 'report.html'
    with mock.patch('heat.common.migrate.version.both', return_value=(
            'heat-convergence-migrate 0.1.0 on Heat 27.0.1')):
        with html_report.Page(str(page), actions.PLAN.title) as report:
            for outcome in found():
                report.add(outcome)
    subprocess.run(
        [shutil.which('chromium') or 'google-chrome', '--headless',
         '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
         '--user-data-dir=%s/browser' % folder, '--window-size=' + SIZE,
         '--screenshot=%s' % PICTURE, page.as_uri()],
        check=True, stderr=subprocess.DEVNULL)


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as temporary:
        take(temporary)
    print(PICTURE)
