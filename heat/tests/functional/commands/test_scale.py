# SPDX-License-Identifier: Apache-2.0

"""The commands with as many stacks as HEAT_TEST_STACKS says.

The default number is small, to keep the tests short. The figures in the
documentation are for 2,000 and 10,000 stacks.
"""

import collections
import itertools
import os
import random
import statistics
import threading

from heatclient import exc as heat_exc
import psutil
from testtools import content

from heat.db import models
from heat.tests.functional.commands import command
from heat.tests.functional.harness import case
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import many_stacks
from heat.tests.functional.harness import processes

COUNT = int(os.environ.get('HEAT_TEST_STACKS', 200))

#: Peak of the memory of a whole command, in bytes.
MEMORY = 300 * 10 ** 6

_CLIENTS = 4

_TEMPLATE = {
    'heat_template_version': '2018-08-31',
    'parameters': {'value': {'type': 'string', 'default': 'one'}},
    'resources': {
        'a': {'type': 'OS::Heat::TestResource',
              'properties': {'value': {'get_param': 'value'}}},
        'b': {'type': 'OS::Heat::TestResource', 'depends_on': 'a',
              'properties': {'value': {'get_attr': ['a', 'output']}}}}}


class _Memory(threading.Thread):
    """Watches the memory of a process with its children.

    Shared memory counts once (proportional set size).
    """

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.peak = 0
        self._process = psutil.Process(pid)
        self._over = threading.Event()

    def run(self):
        while not self._over.wait(0.2):
            self.peak = max(self.peak, self._now())

    def _now(self):
        try:
            return sum(process.memory_full_info().pss for process in
                       [self._process, *self._process.children()])
        except psutil.Error:
            # One of them has just ended.
            return 0

    def stop(self):
        self._over.set()
        self.join()


class ManyStacksTest(command.CommandTestCase):

    backend = databases.MYSQL

    def test_memory_does_not_depend_on_the_number(self):
        ids = self.create_many(COUNT)
        run = self.commands.start('migrate-convergence-1', '--all',
                                  '--workers', '2', '--format', 'json')
        memory = _Memory(run.pid)
        memory.start()
        self.assertEqual(0, run.wait(1200), run.log()[-2000:])
        memory.stop()
        outcomes = list(run.outcomes().values())
        self.assertEqual(len(ids), len(outcomes))
        self.assertEqual({True: len(ids)}, self.convergence())
        quarter = len(outcomes) // 4
        first, last = (statistics.median(
            outcome['seconds'] for outcome in part)
            for part in (outcomes[:quarter], outcomes[-quarter:]))
        self.addDetail('figures', content.text_content(
            'peak %.0f MB; median of a stack %.3f s in the first quarter, '
            '%.3f s in the last\n%s' % (memory.peak / 10 ** 6, first, last,
                                        run.log().splitlines()[-1])))
        self.assertGreater(memory.peak, 0)
        self.assertLess(memory.peak, MEMORY)


class _Client(threading.Thread):
    """A user who updates their stacks until the test is over.

    Each update begins when the stack's last one has ended. With a second one
    beside it, Heat's purge_db may delete a template that a resource still has.
    """

    def __init__(self, client, ids):
        super().__init__(daemon=True)
        self.answers = collections.Counter()
        self._client = client
        self._ids = ids
        self._over = threading.Event()

    def run(self):
        for number, stack_id in enumerate(itertools.cycle(self._ids)):
            if self._over.is_set():
                break
            try:
                if self._is_idle(stack_id):
                    self._client.stacks.update(
                        stack_id, existing=True,
                        parameters={'value': '%s-%d' % (self.name, number)})
                    self.answers['accepted'] += 1
            except heat_exc.HTTPConflict:
                self.answers['conflict'] += 1
            except Exception as exc:
                self.answers[repr(exc)] += 1

    def _is_idle(self, stack_id):
        stack = self._client.stacks.get(stack_id, resolve_outputs=False)
        return not stack.stack_status.endswith('_IN_PROGRESS')

    def stop(self):
        self._over.set()
        self.join()


class UpdatesMeanwhileTest(case.DeploymentTestCase):
    """Users go on working while the command drains the cloud."""

    backend = databases.MYSQL
    legacy_stacks = {'source': {'template': _TEMPLATE}}

    def setUp(self):
        super().setUp()
        self.ids = many_stacks.copy(self.heat.database.engine,
                                    self.stack_id('source'), COUNT)

    def migrate(self):
        done = self.heat.heat_manage('migrate-convergence-1', '--all',
                                     '--workers', '2', '--format', 'json')
        return done.returncode, command.outcomes(done.stdout), done.stderr

    def test_clients_meet_no_error_and_every_stack_is_reported(self):
        # In a different order than the command.
        ids = random.sample(self.ids, len(self.ids))
        updating = [_Client(self.heat.client_of(), ids[first::_CLIENTS])
                    for first in range(_CLIENTS)]
        for client in updating:
            client.start()
        status, found, errors = self.migrate()
        for client in updating:
            client.stop()
        # 2 would be a run that had ended before its time.
        self.assertIn(status, (0, 1), errors)
        answers = sum((client.answers for client in updating),
                      collections.Counter())
        reasons = collections.Counter(
            outcome['code'] or outcome['outcome']
            for outcome in found.values())
        self.addDetail('answers', content.text_content(
            '%s %s %s' % (status, dict(answers), dict(reasons))))
        self.assertEqual(set(), set(answers) - {'accepted', 'conflict'})
        self.assertLess(0, answers['accepted'])
        self.assertLessEqual(
            set(reasons), {'converted', 'already', 'in_progress', 'locked',
                           'changed'})

        left = {row['id'] for row in self.stacks() if not row['convergence']}
        self.assertLessEqual(left, set(found) | {self.stack_id('source')})
        processes.wait_until(lambda: all(
            row['status'] == 'COMPLETE' for row in self.stacks()),
            'end of the updates', 300)
        self.assertEqual(0, self.migrate()[0])
        self.assertEqual({True}, {row['convergence']
                                  for row in self.stacks()})

    def stacks(self):
        return self.heat.database.rows(models.Stack, deleted_at=None,
                                       owner_id=None)
