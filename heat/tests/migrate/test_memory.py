# SPDX-License-Identifier: Apache-2.0

import gc
import weakref

from heat.cmd.migrate import actions
from heat.cmd.migrate import workers
from heat.common.migrate import memory as migrate_memory
from heat.tests import common


class Knot:
    """Something that only the collector can free."""

    def __init__(self):
        self.itself = self


class SettleTest(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.addCleanup(gc.unfreeze)

    def test_what_is_loaded_is_out_of_the_collectors_sight(self):
        loaded = Knot()
        migrate_memory.settle()
        self.assertGreater(gc.get_freeze_count(), 10000)
        self.assertFalse(any(seen is loaded for seen in gc.get_objects()))

    def test_what_is_garbage_is_not_kept(self):
        garbage = weakref.ref(Knot())
        migrate_memory.settle()
        self.assertIsNone(garbage())

    def test_what_comes_later_is_collected(self):
        migrate_memory.settle()
        later = weakref.ref(Knot())
        gc.collect()
        self.assertIsNone(later())

    def test_worker_processes_share_what_is_settled(self):
        settled = self.patchobject(migrate_memory, 'settle')
        start = self.patchobject(workers.Processes, '_start',
                                 side_effect=settled.assert_called_once_with)
        workers.staff(actions.PLAN, 1, 1)
        self.assertEqual(1, start.call_count)
