# SPDX-License-Identifier: Apache-2.0

"""Stacks whose legacy engine died in an update that adds a condition.

The engine stores the new definition of a resource at once, and the condition
that it names only at the end. So no engine that starts can load the stack.
"""

from heat.common.migrate import exception as migrate_exception
from heat.tests.functional.harness.plugins import things
from heat.tests.functional.lockstep import chains
from heat.tests.functional.lockstep import deaths
from heat.tests.functional.lockstep import lives
from heat.tests.functional.lockstep import test_killed


def chain(value, immutable):
    return chains.template(
        a=chains.resource(value, immutable=immutable),
        e=chains.resource(value, needs='a'),
        b=chains.resource(value, needs='e'))


def with_condition(template):
    template['parameters'] = {'flag': {'type': 'boolean', 'default': True}}
    template['conditions'] = {'on': {'get_param': 'flag'}}
    template['resources']['e']['condition'] = 'on'
    return template


OLD, NEW = chain('1', 'x'), with_condition(chain('2', 'y'))
FAILING = chains.changed(NEW)
FAILING['resources']['d'] = chains.resource(needs='b', fail='create')


def update(life):
    life.update(NEW)


def roll_back(life):
    life.update(FAILING, rollback=True)


#: Calls while the stack cannot be loaded, for find_moment. Heat cannot roll
#: back such an update either.
CALLS = {
    update: (things.__name__ + '.Ledgered.handle_update',
             lambda rsrc, *_given: rsrc.name == 'b'),
    roll_back: ('heat.engine.stack.Stack._backup_stack',
                lambda stack, *_given: stack.action == 'ROLLBACK')}


class ConditionTest(test_killed.KilledTestCase):

    OLD, FILES = OLD, None

    def moments(self, operation):
        if test_killed.ALL:
            return super().moments(operation)
        moment = self.find_moment(operation, *CALLS[operation])
        return moment, moment + 1

    def convert(self, life):
        """Convert a stack, if necessary by the remedies of the refusals."""
        for template in ('merged', 'backup', None):
            try:
                life.convert()
                return
            except migrate_exception.InvalidTemplate as exc:
                refused = exc
            self.assertIsNotNone(template, refused)
            self.assertIn('"on"', str(refused))
            self.follow('JSON_MERGE_PATCH', refused.kwargs['template'])
            # The rollback may have failed before the engine died.
            if self.row(life.identity)['status'] == 'IN_PROGRESS':
                self.assertIsInstance(refused,
                                      migrate_exception.InterruptedTemplate)
                self.interrupted += 1
                deaths.start_another(self)

    def play_all(self, *args):
        self.interrupted = 0
        super().play_all(*args)
        self.assertGreater(self.interrupted, 0)


def _things(value, immutable):
    """What the ledger has of a :func:`chain`."""
    return lives.living(a='%s/%s' % (value, immutable), b=value + '/x',
                        e=value + '/x')


test_killed.add_tests(ConditionTest, (update, roll_back), {
    'target': (update, _things('2', 'y')),
    'old': (lambda life: life.update(OLD), _things('1', 'x')),
    'delete': (test_killed.delete, [])})
