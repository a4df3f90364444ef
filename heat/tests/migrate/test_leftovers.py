# SPDX-License-Identifier: Apache-2.0

"""Nested stacks that no resource names are found in one pass."""

import types

from heat.db.migrate import rows as migrate_rows
from heat.engine.migrate import failed as migrate_failed
from heat.engine.migrate import leftovers as migrate_leftovers
from heat.tests import common

_NOTHING = dict.fromkeys(migrate_rows.StackRow._fields)


class _Rows(tuple):
    """Rows that count how often one of them is read in a loop."""

    read = 0

    def __iter__(self):
        for row in super().__iter__():
            self.read += 1
            yield row

    def __getitem__(self, key):
        found = super().__getitem__(key)
        return type(self)(found) if isinstance(key, slice) else found


def _stack(stack_id, owner_id=None):
    return migrate_rows.StackRow(**dict(
        _NOTHING, id=stack_id, name=stack_id, owner_id=owner_id,
        action='CREATE', status='COMPLETE', convergence=False))


def _tree(count):
    """A root with nested stacks that no resource names, two in each."""
    stacks = [_stack('root')]
    stacks += [_stack('%d' % i, 'root') for i in range(count)]
    stacks += [_stack('%d-%s' % (i, name), '%d' % i)
               for i in range(count) for name in 'ab']
    return migrate_rows.Tree(_Rows(stacks), (), ())


class LeftoversTest(common.HeatTestCase):

    def test_all_of_a_tree_are_taken_out_with_what_is_nested_in_them(self):
        split = migrate_leftovers.leave_out(_tree(2))
        self.assertEqual(('root',), tuple(row.id for row in split.tree.stacks))
        self.assertEqual({'0', '1', '0-a', '0-b', '1-a', '1-b'},
                         {row.id for row in split.out})

    def test_parents_come_first(self):
        top = _tree(1).stacks[1]
        seen = []
        migrate_leftovers.leave_out(_tree(1), seen.append)
        self.assertEqual([top.id, '0-a', '0-b'], [row.id for row in seen[0]])

    def assert_linear(self, function):
        few, many = _tree(10), _tree(100)
        function(few)
        function(many)
        self.assertLess(many.stacks.read, 11 * few.stacks.read)

    def test_a_tree_with_ten_times_as_many_is_read_ten_times_as_much(self):
        self.assert_linear(migrate_leftovers.leave_out)

    def test_so_are_the_backup_stacks_of_a_failed_tree(self):
        templates = types.SimpleNamespace(requirements=lambda row: {})
        self.assert_linear(
            lambda tree: migrate_failed.make(tree, {}, set(), set(), set(),
                                             templates))
