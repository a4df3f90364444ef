# SPDX-License-Identifier: Apache-2.0

import collections
import multiprocessing
import os
import signal

import fixtures

from heat.cmd.migrate import actions
from heat.cmd.migrate import outcome as outcomes
from heat.cmd.migrate import run
from heat.cmd.migrate import workers
from heat.common.migrate import memory as migrate_memory
from heat.db.migrate import roots as migrate_roots
from heat.tests import common


class _Workers:
    """Handles stacks in the order in which they come."""

    def __init__(self, size=2, left=(), busy=None, batch=1, alone=(),
                 unknown=()):
        self.size = size
        self.batch = batch
        self.alone = set(alone)
        self.left = left
        self.unknown = set(unknown)
        self.busy = collections.Counter(busy)
        self.most = 0
        self.begun = []
        self.closed = False
        self.batches = []
        self._busy = []

    @property
    def in_hand(self):
        return sum(map(len, self._busy))

    @property
    def idle(self):
        return self.size - len(self._busy)

    def begin(self, stacks):
        self.begun += [stack.id for stack in stacks]
        self.batches.append(len(stacks))
        self._busy.append(stacks)
        self.most = max(self.most, self.in_hand)

    def finished(self, timeout):
        stacks = self._busy.pop(0)
        left = [stack for stack in stacks if stack.id in self.alone]
        if len(stacks) == 1:
            left = []
        return workers.Done([self._outcome(stack) for stack in stacks
                             if stack not in left], left)

    def look_again(self, stacks):
        return [outcomes.unknown(stack) for stack in stacks
                if stack.id in self.unknown]

    def _outcome(self, stack):
        if self.busy[stack.id]:
            self.busy[stack.id] -= 1
            return outcomes.failure(stack, outcomes.REFUSED, 'locked', '', 0)
        if stack.id in self.left:
            return outcomes.failure(stack, outcomes.REFUSED, 'failed', '', 0)
        return outcomes.Outcome(stack.id, stack.name, stack.tenant,
                                outcomes.CONVERTED, None, None, 0, 0, 0)

    def close(self):
        self.closed = True


class RunCase(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.done = []
        self.idle = []
        self.stop = run.Stop()
        self.pace = run.Pace()

    def stacks(self, count):
        for number in range(count):
            yield migrate_roots.RootStack(str(number), 'x', 'x', None)

    def go(self, workers, count=5, limit=None, report=None, retry=0):
        going = run.Run(self.stacks(count), workers,
                        report or (lambda done: self.done.append(done.id)),
                        self.idle.append, self.pace, self.stop, limit, retry)
        going.go()
        return going.complete


class RunTest(RunCase):

    def test_every_stack_is_handled_and_the_workers_end(self):
        workers = _Workers(size=3)
        self.assertTrue(self.go(workers))
        self.assertEqual(['0', '1', '2', '3', '4'], self.done)
        self.assertTrue(workers.closed)
        self.assertEqual(3, workers.most)

    def test_stacks_are_read_when_they_are_needed(self):
        stacks = self.stacks(1000)
        workers = _Workers(size=2)
        run.Run(stacks, workers, lambda done: None, lambda paused: None,
                self.pace, self.stop, limit=4).go()
        # One more stack shows that the run is not complete.
        self.assertEqual('5', next(stacks).id)

    def test_limit_ends_the_run(self):
        for limit, complete in ((4, False), (5, True)):
            workers = _Workers(size=3)
            self.assertEqual(complete, self.go(workers, limit=limit))
            self.assertEqual(limit, len(workers.begun))

    def test_stacks_that_are_left_do_not_count_for_the_limit(self):
        workers = _Workers(left=('0', '1', '2'))
        self.assertFalse(self.go(workers, count=6, limit=2))
        self.assertEqual(['0', '1', '2', '3', '4'], self.done)

    def test_a_signal_lets_stacks_in_hand_end(self):
        workers = _Workers(size=2)

        def report(done):
            self.done.append(done.id)
            os.kill(os.getpid(), signal.SIGTERM)
        self.useFixture(fixtures.MonkeyPatch(
            'heat.cmd.migrate.run.signal.signal', self._signal_but_default))
        with self.stop.on_signals():
            self.assertFalse(self.go(workers, report=report))
        self.assertEqual(['0', '1'], workers.begun)
        self.assertEqual(['0', '1'], self.done)
        self.assertTrue(workers.closed)

    def _signal_but_default(self, number, handler,
                            original=signal.signal):
        # The second signal would end the test run.
        if handler is not signal.SIG_DFL:
            return original(number, handler)

    def test_first_signal_prints_how_many_stacks_are_in_hand(self):
        written = []
        self.useFixture(fixtures.MonkeyPatch(
            'heat.cmd.migrate.run.os.write',
            lambda _fd, text: written.append(text)))
        for count in (0, 1, 3):
            stop = run.Stop()
            stop.in_hand = lambda count=count: count
            with stop.on_signals():
                os.kill(os.getpid(), signal.SIGTERM)
        self.assertEqual([
            b'\nStopping: there is nothing to finish; a second signal stops '
            b'at once.\n',
            b'\nFinishing 1 stack; a second signal stops at once.\n',
            b'\nFinishing at most 3 stacks; a second signal stops at once.\n'],
            written)

    def test_second_signal_ends_the_process(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            stop = run.Stop()
            before = signal.getsignal(number)
            with stop.on_signals():
                os.kill(os.getpid(), number)
                self.assertTrue(stop.requested)
                self.assertEqual(signal.SIG_DFL, signal.getsignal(number))
            self.assertEqual(before, signal.getsignal(number))

    def test_a_paused_run_goes_on_after_the_pause(self):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'pause')
        open(path, 'w').close()
        self.pace = run.Pace(pause_file=path)
        workers = _Workers(size=2)

        def sleep(seconds):
            self.assertEqual([], workers.begun)
            os.unlink(path)
        self.useFixture(fixtures.MonkeyPatch('time.sleep', sleep))
        self.assertTrue(self.go(workers, count=2))
        self.assertEqual(['0', '1'], self.done)
        self.assertEqual([True, False], self.idle[:2])

    def test_an_error_in_between_lets_stacks_in_hand_end(self):
        workers = _Workers(size=2)

        def fail():
            yield from self.stacks(2)
            raise LookupError()
        going = run.Run(fail(), workers,
                        lambda done: self.done.append(done.id),
                        self.idle.append, self.pace, self.stop)
        self.assertRaises(LookupError, going.go)
        self.assertEqual(['0', '1'], self.done)
        self.assertTrue(workers.closed)


class CloseTest(common.HeatTestCase):

    def test_a_worker_that_hangs_ends_when_it_is_late(self):
        self.patchobject(migrate_memory, 'freeze')
        hanging = actions.PLAN._replace(
            run=lambda _context, _stack_id: signal.pause())
        made = workers.Processes(hanging, size=1, timeout=0)
        made.begin([migrate_roots.RootStack('0', 'web', None, None)])
        made.close()
        self.assertEqual([], multiprocessing.active_children())


class BatchTest(RunCase):
    """Each worker takes many stacks at a time."""

    def test_every_stack_is_handled(self):
        staff = _Workers(batch=4)
        self.assertTrue(self.go(staff, count=10))
        self.assertEqual([4, 4, 2], staff.batches)
        self.assertEqual(10, len(self.done))

    def test_a_stack_that_a_batch_leaves_is_handled_alone(self):
        staff = _Workers(batch=5, alone={'1', '3'})
        self.assertTrue(self.go(staff, count=5))
        self.assertEqual([5, 1, 1], staff.batches)
        self.assertEqual(['0', '2', '4', '1', '3'], self.done)

    def test_no_more_are_in_hand_than_the_limit_allows(self):
        staff = _Workers(batch=4, left={'0', '1'})
        self.assertFalse(self.go(staff, count=20, limit=6))
        self.assertEqual(6, staff.most)
        self.assertEqual(8, len(self.done))

    def test_a_stack_that_a_batch_leaves_at_the_limit_does_not_begin(self):
        staff = _Workers(size=1, batch=4, alone={'3'})
        self.assertFalse(self.go(staff, count=5, limit=3))
        self.assertEqual(['0', '1', '2'], self.done)

    def test_a_stack_that_a_batch_leaves_after_a_signal_does_not_begin(self):
        staff = _Workers(batch=5, alone={'1'})

        def report(done):
            self.done.append(done.id)
            self.stop.requested = True
        self.assertFalse(self.go(staff, count=5, report=report))
        self.assertNotIn('1', self.done)

    def test_a_stack_that_a_batch_may_have_changed_is_reported(self):
        staff = _Workers(size=1, batch=5, alone=set('01234'), unknown={'3'})
        begin = staff.begin

        def begin_and_stop(stacks):
            begin(stacks)
            self.stop.requested = True
        staff.begin = begin_and_stop
        self.assertFalse(self.go(staff, count=5))
        self.assertEqual(['3'], self.done)

    def test_a_busy_stack_of_a_batch_is_tried_again(self):
        self.useFixture(fixtures.MonkeyPatch(
            'heat.cmd.migrate.retry._SHORTEST', 0))
        self.useFixture(fixtures.MonkeyPatch(
            'heat.cmd.migrate.retry._LONGEST', 0))
        staff = _Workers(batch=5, busy={'1': 1})
        self.assertTrue(self.go(staff, count=5, retry=60))
        self.assertEqual([5, 1], staff.batches)
        self.assertEqual(5, len(self.done))


class RetryTest(RunCase):
    """Busy stacks; the clock only advances while the run waits."""

    def setUp(self):
        super().setUp()
        self.now = 0.0
        self.useFixture(fixtures.MonkeyPatch('time.monotonic',
                                             lambda: self.now))
        self.useFixture(fixtures.MonkeyPatch('time.sleep', self.sleep))

    def sleep(self, seconds):
        self.now += seconds

    def test_a_busy_stack_is_tried_again_until_it_is_not(self):
        workers = _Workers(busy={'1': 3})
        self.assertTrue(self.go(workers, retry=60))
        self.assertEqual(['0', '2', '3', '4', '1'], self.done)
        self.assertEqual(4, workers.begun.count('1'))

    def test_a_stack_that_stays_busy_is_reported_when_the_time_is_up(self):
        workers = _Workers(busy={'1': 1000})
        self.assertTrue(self.go(workers, retry=60))
        self.assertEqual(['0', '2', '3', '4', '1'], self.done)
        self.assertGreater(workers.begun.count('1'), 10)
        self.assertLessEqual(self.now, 61)

    def test_a_stack_is_tried_once(self):
        # Without the option, or with a lasting reason.
        for staff, retry in ((_Workers(busy={'1': 1000}), 0),
                             (_Workers(left={'1'}), 60)):
            self.go(staff, retry=retry)
            self.assertEqual(1, staff.begun.count('1'))

    def test_a_signal_ends_the_waiting(self):
        workers = _Workers(busy={'1': 1000})

        def sleep(seconds):
            self.stop.requested = True
        self.useFixture(fixtures.MonkeyPatch('time.sleep', sleep))
        self.assertFalse(self.go(workers, retry=60))
        self.assertIn('1', self.done)


class PaceTest(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.now = 100.0
        self.useFixture(fixtures.MonkeyPatch(
            'heat.cmd.migrate.run.time.monotonic', lambda: self.now))

    def test_without_limits_a_stack_may_begin_at_any_time(self):
        pace = run.Pace()
        pace.begun()
        self.assertEqual(0, pace.delay())
        self.assertEqual(50, pace.together(50))

    def test_no_more_stacks_a_second_than_allowed(self):
        pace = run.Pace(max_rate=4)
        self.assertEqual(0, pace.delay())
        pace.begun()
        self.assertEqual(0.25, pace.delay())
        self.now += 0.25
        self.assertEqual(0, pace.delay())
        # Time that was not used is not saved up.
        self.now += 10
        pace.begun()
        self.assertEqual(0.25, pace.delay())

    def test_stacks_that_begin_together_use_up_their_time(self):
        self.assertEqual(1, run.Pace(max_rate=5).together(50))
        pace = run.Pace(max_rate=100)
        self.assertEqual(25, pace.together(50))
        pace.begun(25)
        self.assertEqual(0.25, pace.delay())

    def test_no_stack_begins_while_the_pause_file_exists(self):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'pause')
        pace = run.Pace(pause_file=path)
        self.assertFalse(pace.paused)
        open(path, 'w').close()
        self.assertTrue(pace.paused)
        self.assertLess(0, pace.delay())
        os.unlink(path)
        self.assertEqual(0, pace.delay())


class AllStacksTest(common.HeatTestCase):

    def test_pages_follow_each_other(self):
        stacks = [migrate_roots.RootStack(str(number), 'x', 'x', None)
                  for number in range(5)]
        asked = []

        def get_page(context, size, after, *selection):
            asked.append(after)
            start = stacks.index(after) + 1 if after else 0
            return stacks[start:start + size]
        self.useFixture(fixtures.MonkeyPatch(
            'heat.db.migrate.roots.get_page', get_page))
        self.useFixture(fixtures.MonkeyPatch(
            'heat.db.migrate.roots.get_mixed_roots',
            lambda *selection: []))
        self.assertEqual(stacks, list(run.all_stacks(None, page=2)))
        self.assertEqual([None, stacks[1], stacks[3]], asked)
