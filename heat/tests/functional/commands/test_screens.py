# SPDX-License-Identifier: Apache-2.0

"""What an operator sees on a terminal of 80 columns, with 300 stacks.

The operator guide shows these screens. With HEAT_TEST_UPDATE_DOCS=1 the test
writes them; without it, it compares them, except for ids, numbers and times.
"""

import os
import pathlib
import re
import signal

from heat.db import models
from heat.tests.functional.commands import command
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import held_table
from heat.tests.functional.harness import processes

FOLDER = pathlib.Path(processes.TREE) / 'doc/source/operator/screens'

_ID = r'[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}'

# What is the same for every reader of the guide.
_SHOWN = ((re.compile(r'^(heat-convergence-migrate) .* on Heat \S+', re.M),
           r'\1 0.1.0 on Heat 27.0.1'),
          (re.compile(r'^Database .*', re.M),
           'Database mysql+pymysql://heat:***@db/heat'))
# What differs from run to run.
_VARIES = re.compile(_ID + r'|[\d.:]*\d( s\b)?|\bstacks?\b')

_PROGRESS = re.compile(r'^ *\d+ % in .*\n', re.M)


def shown(text):
    """The text as the guide has it."""
    for pattern, instead in _SHOWN:
        text = pattern.sub(instead, text)
    return text


def constant(text):
    """What of a screen does not differ from run to run."""
    # Where a line breaks depends on numbers, too.
    return ' '.join(_VARIES.sub('#', text).split())


class ScreensTest(command.CommandTestCase):

    backend = databases.MYSQL

    def setUp(self):
        super().setUp()
        self.commands = self.useFixture(command.Commands(
            self.database.url, migrate_protection=True))

    def screen(self, name, text, lines=40):
        """Look at a screen, as the guide shows it."""
        text = shown(text)
        self.assertLessEqual(max(map(len, text.splitlines())), 80, text)
        self.assertLess(len(text.splitlines()), lines, text)
        path = FOLDER / (name + '.txt')
        if os.environ.get('HEAT_TEST_UPDATE_DOCS', '') not in ('', '0'):
            path.write_text(text)
        self.assertEqual(constant(path.read_text()), constant(text))

    def leave(self, ids):
        """Give five stacks a reason to stay legacy."""
        for stack_id, name, values in zip(
                ids, ('web', 'db', 'mail', 'dns', 'old-group'), (
                    {'action': 'UPDATE', 'status': 'FAILED'},
                    {'action': 'UPDATE', 'status': 'FAILED'},
                    {}, {}, {'owner_id': 'd5f0c3a2-5f3c-4d4e-9c3b-'
                                         '7e0a1c2b3d4e'})):
            self.set_columns(models.Stack, models.Stack.id == stack_id,
                             name=name, **values)
        self.rename_resources(ids[2])
        # Copies have those of the original, which would be a reason as well.
        self.set_columns(models.Resource, models.Resource.id > 0,
                         nova_instance=models.Resource.uuid)
        with self.database.engine.begin() as connection:
            connection.execute(models.StackLock.__table__.insert().values(
                stack_id=ids[3],
                engine_id='0f7d1a52-6c1e-4a58-9d0e-3f5b8c7a6d21'))

    def interrupted(self):
        """A run that Ctrl-C has ended; returns what it printed."""
        run = self.commands.start('migrate-convergence-1', '--all',
                                  '--workers', '2', '--max-rate', '10')
        # Then the five with a reason, which are the oldest, are done.
        run.wait_until(lambda: self.convergence()[True] >= 20, 'conversions')
        # Both workers have stacks in hand, on a machine of any speed.
        with held_table.held(self.database, models.Stack):
            held_table.wait_for_waiting(self.database, 2)
            run.signal(signal.SIGINT)
            run.wait_until(lambda: 'Finishing' in run.log(), 'Ctrl-C')
        # Some stacks need a person, as in the whole run.
        self.assertEqual(2, run.wait(), run.log())
        # Where a machine is slow, there are lines of progress as well.
        return _PROGRESS.sub('', run.log()).lstrip('\n')

    def test_screens_in_the_guide(self):
        ids = self.create_many(300)
        self.leave(ids[:5])
        every = ('migrate-convergence-1', '--all')
        self.screen('status', self.manage('convergence-status').stdout)
        self.screen('dry-run', self.manage(
            *every, '--dry-run', status=2).stdout)
        self.screen('ctrl-c', self.interrupted())
        self.screen('run', self.manage(*every, status=2).stdout)
        self.set_columns(models.Stack, models.Stack.id == ids[7],
                         name='shop', current_deps=None)
        self.screen('verify', self.manage(
            'migrate-convergence-1', '--verify', '--all', status=2).stdout)
        for stack_id, name in zip(ids[8:10], (
                'wiki', 'kubernetes-cluster-of-the-research-group')):
            self.set_columns(models.Stack, models.Stack.id == stack_id,
                             name=name)
        self.screen('revert', self.manage(
            'revert-convergence-1', *ids[8:10]).stdout)
        self.screen('long', self.manage(
            'migrate-convergence-1', '--long', *ids[8:10]).stdout)
