# SPDX-License-Identifier: Apache-2.0

"""Histories that leave a stack failed, and what is done to it then.

The same history and operation is played on a stack that is convergence all
along (the native twin), and on one that the legacy engine made and that is
converted in between.
"""

import copy

from heat.tests.functional.harness.plugins import things as plugin


def resource(value='1', needs=(), immutable='x', kind=plugin.TYPE, **more):
    """A resource of a template, that uses others by their names."""
    properties = {'value': value, 'immutable': immutable,
                  'needs': [{'get_resource': name} for name in needs]}
    properties.update(more)
    return {'type': kind, 'properties': properties}


def template(**resources):
    return {'heat_template_version': '2018-08-31', 'resources': resources}


#: b uses a, and c uses b: the order is the same for both engines.
OLD = template(a=resource(), b=resource(needs='a'), c=resource(needs='b'))


def changed(of=OLD, without=(), **resources):
    """A copy of a template, with changed values of some resources."""
    result = copy.deepcopy(of)
    for name, properties in resources.items():
        result['resources'][name]['properties'].update(properties)
    for name in without:
        del result['resources'][name]
    return result


class Life:
    """One stack and its ledger.

    :param test: a synchronous.EngineTestCase
    :param convergence: whether the stack is so from the beginning
    """

    def __init__(self, test, convergence):
        self.test = test
        self.convergence = convergence
        self.ledger = plugin.renew()
        self.plan = None

    def create(self, of=OLD, files=None, **args):
        self.files = files
        self.identity = self.test.create(copy.deepcopy(of), self.convergence,
                                         files, **args)

    def _engine(self, method, *args, **kwargs):
        # A legacy stack has legacy nested stacks.
        with self.test.engine_kind(self.convergence):
            getattr(self.test.heat, method)(self.test.ctx, self.identity,
                                            *args, **kwargs)
            self.test.heat.run()

    def update(self, to, rollback=False, files=None, **args):
        self._engine('update_stack', copy.deepcopy(to), {},
                     files or self.files or {},
                     dict({'disable_rollback': not rollback}, **args))

    def patch(self, **args):
        self.update(None, existing=True, **args)

    def check(self):
        self._engine('stack_check')

    def suspend(self):
        self._engine('stack_suspend')

    def resume(self):
        self._engine('stack_resume')

    def delete(self):
        self._engine('delete_stack')

    def failing(self, *pairs):
        """Let (resource name, handler) pairs fail, and no others."""
        self.ledger.failing = set(pairs)

    def convert(self):
        """Have the stack converted if it is legacy.

        What the ledger says of what came before is no matter of ours.
        """
        self.ledger.failing, self.ledger.failing_then = set(), set()
        self.ledger.deleted_in_use, self.ledger.lost = [], []
        if not self.convergence:
            self.plan = self.test.convert_failed(self.identity)
            self.convergence = True

    def end(self):
        """What has to be the same of both stacks.

        The state, all living things, those of them that no row names
        (leaked), the rows whose thing does not live (lost), and what was
        deleted while something used it.
        """
        rows = self.test.resource_rows(self.identity)
        ids = [row['physical_resource_id'] for row in rows]
        state = self.test.state(self.identity)
        return {
            'state': state,
            'living': self.ledger.living(),
            'leaked': sorted(thing.path for name, thing in
                             self.ledger.things.items() if name not in ids),
            'lost': self.ledger.lost + sorted(
                row['name'] for row in rows
                if row['status'] == 'COMPLETE' and row['action'] != 'INIT' and
                (row['physical_resource_id'] or '').startswith('thing-') and
                row['physical_resource_id'] not in self.ledger.things),
            'deleted in use': self.ledger.deleted_in_use}


NEW = changed(b={'value': '2'}, c={'value': '2'})
REPLACING = changed(a={'immutable': 'y'}, b={'value': '2'}, c={'value': '2'})


def create_failed(life):
    life.failing(('b', 'create'))
    life.create()
    return OLD, OLD


def update_failed(life):
    """b fails in place, c is not reached."""
    life.create()
    life.failing(('b', 'update'))
    life.update(NEW)
    return OLD, NEW


def update_failed_after_replacement(life):
    """a is replaced, b fails in place, c is not reached."""
    life.create()
    life.failing(('b', 'update'))
    life.update(REPLACING)
    return OLD, REPLACING


def replacement_failed(life):
    """The replacement of b cannot be created."""
    life.create()
    new = changed(b={'immutable': 'y'}, c={'value': '2'})
    life.failing(('b', 'create'))
    life.update(new)
    return OLD, new


def addition_failed(life):
    """d is new and fails; c, which goes, is not reached."""
    life.create()
    new = changed(b={'value': '2'}, without='c')
    new['resources']['d'] = resource(needs='b')
    life.failing(('d', 'create'))
    life.update(new)
    return OLD, new


def removal_failed(life):
    """c cannot be deleted."""
    life.create()
    new = changed(b={'value': '2'}, without='c')
    life.failing(('c', 'delete'))
    life.update(new)
    return OLD, new


def cleanup_failed(life):
    """a is replaced, and the old one cannot be deleted."""
    life.create()
    new = changed(a={'immutable': 'y'})
    life.failing(('a', 'delete'))
    life.update(new)
    return OLD, new


def rollback_failed(life):
    """a is replaced, b fails, and so does its way back."""
    life.create()
    life.failing(('b', 'update'))
    life.update(REPLACING, rollback=True)
    return OLD, REPLACING


def rollback_of_create_failed(life):
    life.failing(('b', 'create'), ('a', 'delete'))
    life.create(disable_rollback=False)
    return OLD, OLD


def check_after_update_failed(life):
    result = update_failed_after_replacement(life)
    life.failing()
    life.check()
    return result


def check_failed(life):
    life.create()
    life.failing(('b', 'check'))
    life.check()
    return OLD, OLD


def suspend_failed(life):
    life.create()
    life.failing(('b', 'suspend'))
    life.suspend()
    return OLD, OLD


def resume_failed(life):
    life.create()
    life.suspend()
    life.failing(('b', 'resume'))
    life.resume()
    return OLD, OLD


def delete_failed(life):
    life.create()
    life.failing(('b', 'delete'))
    life.delete()
    return OLD, OLD


def delete_failed_after_replacement(life):
    update_failed_after_replacement(life)
    life.failing(('b', 'delete'))
    life.delete()
    return OLD, REPLACING


HISTORIES = (
    create_failed, update_failed, update_failed_after_replacement,
    replacement_failed, addition_failed, removal_failed, cleanup_failed,
    rollback_failed, rollback_of_create_failed, check_after_update_failed,
    check_failed, suspend_failed, resume_failed, delete_failed,
    delete_failed_after_replacement)


def put_target(life, old, target):
    life.update(target)


def patch(life, old, target):
    life.patch()


def put_old(life, old, target):
    life.update(old)


def _third(life, old, **of_b):
    third = changed(old, a={'value': '3'}, b=dict({'value': '3'}, **of_b))
    third['resources']['z'] = resource(needs='b', fail='create')
    life.update(third, rollback=True)


def third_with_rollback(life, old, target):
    """What fails is a resource that is new."""
    _third(life, old)


def third_failing_in_b(life, old, target):
    """What fails is b, in place or as a replacement."""
    _third(life, old, fail='update create')


def third_then_target(life, old, target):
    third_with_rollback(life, old, target)
    life.update(target)


def third_then_delete(life, old, target):
    third_failing_in_b(life, old, target)
    life.delete()


def check_then_target(life, old, target):
    life.check()
    life.update(target)


def suspend(life, old, target):
    life.suspend()


def suspend_resume_target(life, old, target):
    life.suspend()
    life.resume()
    life.update(target)


def delete(life, old, target):
    life.delete()


def target_then_delete(life, old, target):
    life.update(target)
    life.delete()


OPERATIONS = (put_target, patch, put_old, third_with_rollback,
              third_failing_in_b, third_then_target, third_then_delete,
              check_then_target, suspend, suspend_resume_target, delete,
              target_then_delete)

#: (history, operation) pairs that do not end alike. A native create that is
#: rolled back leaves a stack with an empty template; a legacy stack keeps its
#: own, and the converted one, too. The legacy engine goes on from the merged
#: template once a stack is COMPLETE. And it deletes a backup stack before the
#: stack, so that only the end of a delete can be compared.
DIFFERENT = {(rollback_of_create_failed, patch),
             (check_after_update_failed, patch),
             (check_after_update_failed, third_with_rollback)} | {
    (rollback_of_create_failed, operation) for operation in OPERATIONS
    if operation.__name__.startswith('third')} | {
    (delete_failed_after_replacement, operation) for operation in OPERATIONS
    if operation is not delete}
