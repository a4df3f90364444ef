# SPDX-License-Identifier: Apache-2.0

"""The text of a plan."""

from heat.db.migrate import rows as migrate_rows
from heat.engine.migrate import plan as migrate_plan
from heat.tests import common


def stack(**columns):
    """A stack row of which only these columns matter."""
    return migrate_rows.StackRow(
        **dict(dict.fromkeys(migrate_rows.StackRow._fields), **columns))


class PlanTest(common.HeatTestCase):

    def plan(self, *stacks, **fields):
        return migrate_plan.Plan(
            stack_id='root', label='web (root)', convergence=True, stacks=(),
            tree=migrate_rows.Tree(stacks, (), ()), **fields)

    def test_stacks_below_the_root_are_nested_unless_they_are_backups(self):
        root, child, backup = stack(), stack(), stack(backup=True)
        self.assertEqual(0, self.plan(root).nested)
        self.assertEqual(1, self.plan(root, child).nested)
        self.assertEqual(1, self.plan(root, child, backup).nested)

    def test_warnings_follow_the_counts(self):
        self.assertEqual(
            'web (root): 0 stacks, 0 resources, 0 dependencies. '
            'Warning: one. Warning: two.',
            str(self.plan(stack(), warnings=('one.', 'two.'))))
