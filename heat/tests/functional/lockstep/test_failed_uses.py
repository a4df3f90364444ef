# SPDX-License-Identifier: Apache-2.0

"""A failed update may have let a resource begin to use another one.

A native stack stores the new requirements when the update of a resource
begins. The legacy engine stores none.
"""

from heat.engine import stack as parser
from heat.tests.functional.lockstep import chains
from heat.tests.functional.lockstep import failed_case
from heat.tests.functional.lockstep import lives

#: In each history below, b begins to use a; the update fails while it does.
OLD = chains.template(p=chains.resource(), a=chains.resource(),
                      b=chains.resource(needs='p'))
USING = chains.changed(OLD, b={'needs': [
    {'get_resource': name} for name in 'pa']})
OTHER = chains.changed(OLD, p={'value': '2'})
WITH_Z = chains.changed(USING)
WITH_Z['resources']['z'] = chains.resource(needs='b')
#: An update to it deletes a and b.
WITHOUT = chains.template(p=chains.resource())


def begin(life):
    life.create(OLD)
    life.interrupt('b', rollback=False)
    life.update(USING)


def replace(life):
    """Heat replaces the failed b, and fails afterwards."""
    begin(life)
    life.failing(('z', 'create'))
    life.update(WITH_Z)


def fail_to_delete(life):
    begin(life)
    life.failing(('b', 'delete'))
    life.delete()


def fail_to_roll_back(life):
    """The rollback fails at p, and does not reach b."""
    life.create(OLD)
    life.interrupt('b', rollback=True,
                   failing=[('p', 'update'), ('p', 'create')])
    life.update(chains.changed(USING, p={'value': '2'}))


def go_on_with_another(life):
    """The next update fails at p, and does not reach b."""
    begin(life)
    life.failing(('p', 'update'), ('p', 'create'))
    life.update(OTHER)


def check(life):
    """The rows no longer say that the update failed."""
    begin(life)
    life.check()


def update(life):
    life.update(WITHOUT)


def delete(life):
    life.delete()


class UsesTest(failed_case.FailedTestCase):
    """Whether the use of a by b is known after a conversion."""

    def begin(self, history, state, convergence):
        self.empty_database()
        life = lives.Life(self, convergence)
        history(life)
        self.assertEqual(state, self.state(life.identity))
        life.convert()
        return life

    def assert_known(self, history, state, *operations):
        """The converted stack knows the use, as its native twin does."""
        for convergence in (True, False):
            for operation in operations:
                life = self.begin(history, state, convergence)
                self.assertEqual(set(), life.forgotten)
                operation(life)
                self.assert_sound(life, (operation.__name__, convergence))

    def test_after_the_update_it_is_known(self):
        self.assert_known(begin, 'UPDATE_FAILED', update, delete)

    def test_after_a_replacement_by_the_next_update_it_is_known(self):
        self.assert_known(replace, 'UPDATE_FAILED', update, delete)

    def test_after_a_delete_that_fails_it_is_known(self):
        self.assert_known(fail_to_delete, 'DELETE_FAILED', delete)

    def assert_forgotten(self, history, state):
        """The legacy engine has forgotten the use before the conversion."""
        self.assertEqual(set(), self.begin(
            history, state, convergence=True).forgotten)
        self.empty_database()
        life = lives.Life(self, convergence=False)
        history(life)
        self.assertEqual(state, self.state(life.identity))
        stack = parser.Stack.load(self.ctx, life.identity['stack_id'])
        self.assertEqual({'p'}, {
            other.name for other in stack.dependencies.requires(stack['b'])})
        life.convert()
        self.assertEqual({('a',)}, life.forgotten)

    def test_after_a_rollback_that_fails_it_is_forgotten(self):
        self.assert_forgotten(fail_to_roll_back, 'ROLLBACK_FAILED')

    def test_after_another_update_it_is_forgotten(self):
        self.assert_forgotten(go_on_with_another, 'UPDATE_FAILED')

    def test_after_a_check_it_is_forgotten(self):
        self.assert_forgotten(check, 'CHECK_COMPLETE')
