# SPDX-License-Identifier: Apache-2.0

import collections
import os
import signal

import fixtures

from heat.cmd.migrate import outcome as outcomes
from heat.cmd.migrate import run
from heat.db.migrate import counts as migrate_counts
from heat.tests import common


class _Workers:
    """Takes stacks in hand and gives them back in the same order."""

    def __init__(self, size=2, left=(), busy=None):
        self.size = size
        self.left = left
        self.busy = collections.Counter(busy)
        self.most = 0
        self.begun = []
        self.closed = False
        self._stacks = []

    @property
    def in_hand(self):
        return len(self._stacks)

    def begin(self, stack):
        self.begun.append(stack.id)
        self._stacks.append(stack)
        self.most = max(self.most, self.in_hand)

    def finished(self, timeout):
        stack = self._stacks.pop(0)
        if self.busy[stack.id]:
            self.busy[stack.id] -= 1
            return [outcomes.failure(stack, outcomes.REFUSED, 'locked', '',
                                     0)]
        if stack.id in self.left:
            return [outcomes.failure(stack, outcomes.REFUSED, 'failed', '', 0)]
        return [outcomes.Outcome(stack.id, stack.name, stack.tenant,
                                 outcomes.CONVERTED, None, None, 0, 0, 0)]

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
            yield migrate_counts.RootStack(str(number), 'x', 'x', None)

    def go(self, workers, count=5, limit=None, report=None, retry=0):
        going = run.Run(self.stacks(count), workers,
                        report or (lambda done: self.done.append(done.id)),
                        self.idle.append, self.pace, self.stop, limit, retry)
        going.go()
        return going.complete


class RunTest(RunCase):

    def test_every_stack_is_handled_and_the_workers_end(self):
        workers = _Workers()
        self.assertTrue(self.go(workers))
        self.assertEqual(['0', '1', '2', '3', '4'], self.done)
        self.assertTrue(workers.closed)

    def test_no_more_stacks_are_in_hand_than_there_are_workers(self):
        workers = _Workers(size=3)
        self.go(workers, count=10)
        self.assertEqual(3, workers.most)

    def test_stacks_are_read_when_they_are_needed(self):
        stacks = self.stacks(1000)
        workers = _Workers(size=2)
        run.Run(stacks, workers, lambda done: None, lambda paused: None,
                self.pace, self.stop, limit=4).go()
        # One more tells that the run is not complete.
        self.assertEqual('5', next(stacks).id)

    def test_limit_ends_the_run(self):
        workers = _Workers(size=3)
        self.assertFalse(self.go(workers, limit=4))
        self.assertEqual(4, len(workers.begun))

    def test_limit_that_all_the_stacks_fit_in(self):
        self.assertTrue(self.go(_Workers(), limit=5))

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

    def test_first_signal_tells_how_many_stacks_are_in_hand(self):
        written = []
        self.useFixture(fixtures.MonkeyPatch(
            'heat.cmd.migrate.run.os.write',
            lambda _fd, text: written.append(text)))
        self.stop.in_hand = lambda: 3
        with self.stop.on_signals():
            os.kill(os.getpid(), signal.SIGTERM)
        self.assertEqual([b'\nFinishing 3 stacks in hand; again to stop at '
                          b'once.\n'], written)

    def test_second_signal_ends_the_process(self):
        before = signal.getsignal(signal.SIGTERM)
        with self.stop.on_signals():
            os.kill(os.getpid(), signal.SIGTERM)
            self.assertTrue(self.stop.requested)
            self.assertEqual(signal.SIG_DFL,
                             signal.getsignal(signal.SIGTERM))
        self.assertEqual(before, signal.getsignal(signal.SIGTERM))

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


class RetryTest(RunCase):
    """Busy stacks; the time only goes on while the run waits."""

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

    def test_without_the_option_a_busy_stack_is_tried_once(self):
        workers = _Workers(busy={'1': 1000})
        self.go(workers)
        self.assertEqual(1, workers.begun.count('1'))

    def test_what_does_not_pass_by_itself_is_not_tried_again(self):
        workers = _Workers(left={'1'})
        self.go(workers, retry=60)
        self.assertEqual(1, workers.begun.count('1'))

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

    def test_no_more_stacks_a_second_than_allowed(self):
        pace = run.Pace(max_rate=4)
        self.assertEqual(0, pace.delay())
        pace.begun()
        self.assertEqual(0.25, pace.delay())
        self.now += 0.25
        self.assertEqual(0, pace.delay())

    def test_time_that_was_not_used_is_not_saved_up(self):
        pace = run.Pace(max_rate=4)
        pace.begun()
        self.now += 10
        pace.begun()
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
        stacks = [migrate_counts.RootStack(str(number), 'x', 'x', None)
                  for number in range(5)]
        asked = []

        def get_page(context, size, after, *selection):
            asked.append(after)
            start = stacks.index(after) + 1 if after else 0
            return stacks[start:start + size]
        self.useFixture(fixtures.MonkeyPatch(
            'heat.db.migrate.counts.get_page', get_page))
        self.useFixture(fixtures.MonkeyPatch(
            'heat.db.migrate.counts.get_mixed_roots',
            lambda *selection: []))
        self.assertEqual(stacks, list(run.all_stacks(None, page=2)))
        self.assertEqual([None, stacks[1], stacks[3]], asked)
