# SPDX-License-Identifier: Apache-2.0

"""Histories that leave a stack failed."""

import json

from heat.tests.functional.harness.plugins import things as plugin
from heat.tests.functional.lockstep import chains


def create_failed(life):
    life.failing(('b', 'create'))
    life.create()
    return chains.OLD, chains.OLD


def update_failed(life):
    """b fails in place, c is not reached."""
    life.create()
    life.failing(('b', 'update'))
    life.update(chains.NEW)
    return chains.OLD, chains.NEW


def update_failed_after_replacement(life):
    """a is replaced, b fails in place, c is not reached."""
    life.create()
    life.failing(('b', 'update'))
    life.update(chains.REPLACING)
    return chains.OLD, chains.REPLACING


def replacement_failed(life):
    """The replacement of b cannot be created."""
    life.create()
    new = chains.changed(b={'immutable': 'y'}, c={'value': '2'})
    life.failing(('b', 'create'))
    life.update(new)
    return chains.OLD, new


def addition_failed(life):
    """d is new and fails; c, which goes, is not reached."""
    life.create()
    new = chains.changed(b={'value': '2'}, without='c')
    new['resources']['d'] = chains.resource(needs='b')
    life.failing(('d', 'create'))
    life.update(new)
    return chains.OLD, new


def removal_failed(life):
    """c cannot be deleted."""
    life.create()
    new = chains.changed(b={'value': '2'}, without='c')
    life.failing(('c', 'delete'))
    life.update(new)
    return chains.OLD, new


def cleanup_failed(life):
    """a is replaced, and the old one cannot be deleted."""
    life.create()
    new = chains.changed(a={'immutable': 'y'})
    life.failing(('a', 'delete'))
    life.update(new)
    return chains.OLD, new


def rollback_failed(life):
    """a is replaced, b fails, and the rollback of b fails."""
    life.create()
    # Heat replaces what has failed.
    life.failing(('b', 'update'), ('b', 'create'))
    life.update(chains.REPLACING, rollback=True)
    life.test.assertEqual('ROLLBACK_FAILED', life.test.state(life.identity))
    return chains.OLD, chains.REPLACING


def rollback_of_create_failed(life):
    life.failing(('b', 'create'), ('a', 'delete'))
    life.create(disable_rollback=False)
    return chains.OLD, chains.OLD


def check_after_update_failed(life):
    result = update_failed_after_replacement(life)
    life.failing()
    life.check()
    return result


def check_failed(life):
    life.create()
    life.failing(('b', 'check'))
    life.check()
    return chains.OLD, chains.OLD


def suspend_failed(life):
    life.create()
    life.failing(('b', 'suspend'))
    life.suspend()
    return chains.OLD, chains.OLD


def resume_failed(life):
    life.create()
    life.suspend()
    life.failing(('b', 'resume'))
    life.resume()
    return chains.OLD, chains.OLD


def delete_failed(life):
    life.create()
    life.failing(('b', 'delete'))
    life.delete()
    return chains.OLD, chains.OLD


def delete_failed_after_replacement(life):
    update_failed_after_replacement(life)
    life.failing(('b', 'delete'))
    life.delete()
    return chains.OLD, chains.REPLACING


def check_failed_after_update_failed(life):
    result = update_failed_after_replacement(life)
    life.failing(('b', 'check'))
    life.check()
    return result


def suspend_failed_after_update_failed(life):
    result = update_failed_after_replacement(life)
    life.failing(('b', 'suspend'))
    life.suspend()
    return result


def resume_failed_after_update(life):
    life.create()
    life.update(chains.REPLACING)
    life.suspend()
    life.failing(('b', 'resume'))
    life.resume()
    return chains.OLD, chains.REPLACING


def snapshot_failed(life):
    life.create()
    life.update(chains.NEW)
    life.failing(('b', 'snapshot'))
    life.snapshot()
    return chains.OLD, chains.NEW


def update_failed_with_a_snapshot(life):
    life.create()
    life.snapshot()
    life.failing(('b', 'update'))
    life.update(chains.REPLACING)
    return chains.OLD, chains.REPLACING


def restore_failed(life):
    """The replaced resource comes back, and b fails in place."""
    life.create()
    life.snapshot()
    life.update(chains.REPLACING)
    life.failing(('b', 'update'))
    life.restore()
    return chains.OLD, chains.REPLACING


def adopt_failed(life):
    """b is not adopted, but its thing still exists."""
    life.test.allow_abandon()
    life.create()
    data = life.abandon()
    life.failing(('b', 'adopt'))
    life.create(adopt_stack_data=json.dumps(data, default=dict))
    return chains.OLD, chains.OLD


def with_mappings(**values):
    """A chain of resources whose values come from the mappings of CFN."""
    names = sorted(values)
    return {
        'AWSTemplateFormatVersion': '2010-09-09',
        'Mappings': {'Of': {
            name: dict(zip(('value', 'immutable'), value.split('/')))
            for name, value in values.items()}},
        'Resources': {name: {'Type': plugin.TYPE, 'Properties': {
            'value': {'Fn::FindInMap': ['Of', name, 'value']},
            'immutable': {'Fn::FindInMap': ['Of', name, 'immutable']},
            'needs': [{'Ref': names[number - 1]}] if number else []}}
            for number, name in enumerate(names)}}


def _mappings_changed(life, old, new):
    # Heat does not merge mappings: its stored template has the old ones.
    life.create(old)
    life.failing(('c', 'update'))
    life.update(new)
    return old, new


def mappings_changed(life):
    return _mappings_changed(
        life, with_mappings(a='1/x', b='1/x', c='1/x'),
        with_mappings(a='1/y', b='2/x', c='2/x'))


def mapping_added(life):
    """In its stored template, a has no mapping."""
    return _mappings_changed(
        life, with_mappings(b='1/x', c='1/x'),
        with_mappings(a='1/x', b='1/y', c='2/x'))


def encrypted(life):
    """Parameters and properties are stored encrypted."""
    life.test.encrypt()
    old = dict(chains.OLD, parameters={
        'secret': {'type': 'string', 'hidden': True, 'default': 'x'}})
    old = chains.changed(old, a={'immutable': {'get_param': 'secret'}},
                         c={'immutable': {'get_param': 'secret'}})
    life.create(old, params={'secret': 'y'})
    new = chains.changed(old, b={'value': '2'})
    life.failing(('b', 'update'))
    life.update(new, params={'secret': 'z'})
    return old, new


HISTORIES = (
    create_failed, update_failed, update_failed_after_replacement,
    replacement_failed, addition_failed, removal_failed, cleanup_failed,
    rollback_failed, rollback_of_create_failed, check_after_update_failed,
    check_failed, suspend_failed, resume_failed, delete_failed,
    delete_failed_after_replacement, check_failed_after_update_failed,
    suspend_failed_after_update_failed, resume_failed_after_update,
    snapshot_failed, update_failed_with_a_snapshot, restore_failed,
    adopt_failed, mappings_changed, mapping_added, encrypted)
