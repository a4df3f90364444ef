# SPDX-License-Identifier: Apache-2.0

"""Operations on a failed stack, after its conversion.

The same history and operation run on two stacks. One is convergence from the
beginning (the native twin). The legacy engine made the other, which is
converted in between.
"""

from heat import overlay
from heat.tests.functional.lockstep import chains
from heat.tests.functional.lockstep import failures


def put_target(life, old, target):
    life.update(target)


def patch(life, old, target):
    life.patch()


def put_old(life, old, target):
    life.update(old)


def _third(life, old, **of_b):
    values = {'a': {'value': '3'}, 'b': dict({'value': '3'}, **of_b)}
    third = chains.changed(old, **{
        name: values[name] for name in values.keys() & chains.resources_of(
            old).keys()})
    failing = chains.resource(needs='b', fail='create')
    if 'Resources' in old:
        failing = {'Type': failing['type'], 'Properties': dict(
            failing['properties'], needs=[{'Ref': 'b'}])}
    chains.resources_of(third)['z'] = failing
    life.update(third, rollback=True)


def third_with_rollback(life, old, target):
    """A new resource fails."""
    _third(life, old)


def third_failing_in_b(life, old, target):
    """b fails, in place or as a replacement."""
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
DIFFERENT = {(failures.rollback_of_create_failed, patch),
             (failures.check_after_update_failed, patch),
             (failures.check_after_update_failed, third_with_rollback)} | {
    (failures.rollback_of_create_failed, operation) for operation in OPERATIONS
    if operation.__name__.startswith('third')} | {
    (failures.delete_failed_after_replacement, operation)
    for operation in OPERATIONS if operation is not delete}

#: After these both stacks have a fault of Heat's rollbacks, but not the same:
#: the native one, and that of the converted stack.
#: The native rollback leaves b doubled. The converted one leaves c doubled,
#: which the failed update did not reach, and which only reads a parameter. Or
#: it does not create a, which the legacy engine had not created before.
OTHER_FAULT = {
    (failures.encrypted, third_failing_in_b): ('deleted in use',
                                               'deleted in use'),
    (failures.encrypted, third_then_delete): ('deleted in use',
                                              'deleted in use'),
    (failures.mapping_added, third_failing_in_b): ('deleted in use',
                                                   'never created')}

if not overlay.release().converged_actions:
    # Before Heat 26 the legacy engine fails before it creates the resource,
    # and a suspend reaches its row: see
    # test_a_native_suspend_of_a_resource_that_was_never_created.
    DIFFERENT |= {(failures.mapping_added, operation)
                  for operation in (suspend, suspend_resume_target)}
