# SPDX-License-Identifier: Apache-2.0

"""Random failures, and random operations after the conversion.

In CI there are few, and always the same. HEAT_TEST_EXAMPLES and
HEAT_TEST_SEED ask for others, as for test_differential.
"""

import os

import hypothesis
from hypothesis import strategies

from heat.tests.functional.lockstep import failures
from heat.tests.functional.lockstep import test_differential
from heat.tests.functional.lockstep import test_failed

NAMES = 'abcde'
HANDLERS = ('create', 'update', 'delete')

#: What an operation is called, and whether it brings about a template.
OPERATIONS = ('target', 'old', 'patch', 'check', 'suspend and resume')

PAIRS = strategies.lists(
    strategies.tuples(strategies.sampled_from(NAMES),
                      strategies.sampled_from(HANDLERS)),
    min_size=1, max_size=2)


@strategies.composite
def templates(draw):
    """An old template and a changed one, as resources by name."""
    old, new = {}, {}
    for number, name in enumerate(NAMES):
        needs = draw(strategies.sets(strategies.sampled_from(
            NAMES[:number]))) if number else set()
        how = draw(strategies.sampled_from(
            ('keep', 'value', 'immutable', 'add', 'remove')))
        if how != 'add':
            old[name] = failures.resource(needs=sorted(needs & old.keys()))
        if how != 'remove':
            new[name] = failures.resource(
                '2' if how == 'value' else '1',
                sorted(needs & new.keys()),
                'y' if how == 'immutable' else 'x')
    return (failures.template(**(old or {'a': failures.resource()})),
            failures.template(**(new or {'a': failures.resource()})))


class RandomTest(test_failed.FailedTestCase):

    def test_a_failed_stack_lives_on_as_a_native_one(self):
        test = test_differential.SETTINGS(hypothesis.given(
            templates(), PAIRS, strategies.booleans(), strategies.lists(
                strategies.sampled_from(OPERATIONS), max_size=3))(
                    self.compare_random))
        if test_differential.EXAMPLES:
            test = hypothesis.seed(int(os.environ['HEAT_TEST_SEED']))(test)
        test()

    def compare_random(self, templates, failing, rollback, operations):
        example = (templates, failing, rollback, operations)
        ends = []
        for convergence in (True, False):
            self.empty_database()
            life = failures.Life(self, convergence)
            life.create(templates[0])
            life.failing(*failing)
            life.update(templates[1], rollback=rollback)
            life.convert()
            for operation in operations:
                self.do(life, operation, *templates)
            self.do(life, 'target', *templates)
            target = life.end()
            life.delete()
            ends.append((target, life.end()))
        for native, converted in zip(*ends):
            if test_failed.fault(native):
                self.assertIn(test_failed.fault(converted),
                              (None, test_failed.fault(native)), example)
            else:
                self.assertEqual(native, converted, example)

    def do(self, life, operation, old, target):
        if operation == 'check':
            life.check()
        elif operation == 'suspend and resume':
            life.suspend()
            life.resume()
        elif operation == 'patch':
            life.patch()
        else:
            life.update(old if operation == 'old' else target)
