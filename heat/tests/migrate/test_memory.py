# SPDX-License-Identifier: Apache-2.0

import gc
import weakref

from heat.cmd.migrate import actions
from heat.cmd.migrate import workers
from heat.common.migrate import memory as migrate_memory
from heat.tests import common


class Knot:
    """An object that only the collector can free."""

    def __init__(self):
        self.itself = self


class FreezeTest(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.addCleanup(gc.unfreeze)

    def test_loaded_objects_are_frozen(self):
        loaded = Knot()
        migrate_memory.freeze()
        self.assertGreater(gc.get_freeze_count(), 10000)
        self.assertFalse(any(seen is loaded for seen in gc.get_objects()))

    def test_garbage_is_not_kept(self):
        garbage = weakref.ref(Knot())
        migrate_memory.freeze()
        self.assertIsNone(garbage())

    def test_later_objects_are_collected(self):
        migrate_memory.freeze()
        later = weakref.ref(Knot())
        gc.collect()
        self.assertIsNone(later())

    def test_worker_processes_share_frozen_objects(self):
        frozen = self.patchobject(migrate_memory, 'freeze')
        start = self.patchobject(workers.Processes, '_start',
                                 side_effect=frozen.assert_called_once_with)
        workers.staff(actions.PLAN, 1, 1)
        self.assertEqual(1, start.call_count)
