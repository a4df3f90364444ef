# SPDX-License-Identifier: Apache-2.0

"""Templates that a failed update merges from two so that they do not fit.

Heat merges the versions and some sections of both. The result can have the
version keys of two formats, lack a condition, or have functions that its
version has not. Its environment maps types as the new one does. No resource
may be lost, or lose a change or a dependency, by that.
"""

import json

from heat.common import exception
from heat.common.migrate import exception as migrate_exception
from heat.db import models
from heat.tests.functional.harness.plugins import things
from heat.tests.functional.lockstep import chains
from heat.tests.functional.lockstep import failed_case
from heat.tests.functional.lockstep import lives


def cfn_of(hot):
    """A template in the other format."""
    fields = {'type': 'Type', 'properties': 'Properties',
              'metadata': 'Metadata', 'depends_on': 'DependsOn',
              'condition': 'Condition'}
    result = {'AWSTemplateFormatVersion': '2010-09-09', 'Resources': {
        name: {fields[field]: value for field, value in definition.items()}
        for name, definition in hot['resources'].items()}}
    if 'conditions' in hot:
        result['Conditions'] = {'on': {'Fn::Equals': ['1', '1']}}
    return result


class MergedTestCase(failed_case.FailedTestCase):

    def assert_no_operation_helps(self, life, *operations):
        for operation in operations:
            before = life.ledger.living()
            self.assertRaises(exception.HeatException, operation)
            self.assertEqual(before, life.ledger.living())

    def repair(self, life, reason, change):
        """Change each template that a refusal names, and convert.

        :param change: a function of the id of a template
        :returns: how many they were
        """
        for count in range(3):
            try:
                life.convert()
                return count
            except reason as refused:
                change(refused.kwargs['template'])
        self.fail('the remedy does not help')

    def end(self, life, to, names):
        """Update a converted stack, and delete it.

        :param names: of the resources whose rows are compared
        :returns: what must be the same for its native twin
        """
        life.update(to)
        end = life.end(), sorted(
            (row['name'], row['action'], row['status'],
             row['physical_resource_id'], str(row['rsrc_metadata']))
            for row in self.database.rows(models.Resource)
            if row['name'] in names)
        life.delete()
        self.assertEqual(({}, []), (life.ledger.things,
                                    life.ledger.deleted_in_use))
        self.empty_database()
        return end

    def native(self, history, *args):
        life = lives.Life(self, convergence=True)
        history(life)
        life.convert()
        return self.end(life, *args)


class FormatTest(MergedTestCase):
    """An update to the other format replaces a, and fails at b.

    It does not reach c, of which only the metadata changes.
    """

    OLD = chains.template(
        a=chains.resource(),
        b=dict(chains.resource(), depends_on='a'),
        c=dict(chains.resource(), depends_on='b', metadata={'m': 1}))
    NEW = chains.changed(OLD, a={'immutable': 'y'}, b={'value': '2'})
    NEW['resources']['c']['metadata'] = {'m': 2}

    def assert_repaired(self, old, new, key):
        def history(life):
            life.create(old)
            life.failing(('b', 'update'))
            life.update(new)
            life.failing()

        native = self.native(history, new, 'abc')
        life = lives.Life(self, convergence=False)
        history(life)
        self.assertIn('Ambiguous versions', str(self.assert_refused(
            life, migrate_exception.InvalidMergedTemplate)))
        self.assert_no_operation_helps(
            life, lambda: life.update(new), life.check, life.delete)
        # The merged template, and that of the backup stack.
        self.assertEqual(2, self.repair(
            life, migrate_exception.InvalidMergedTemplate,
            lambda template_id: self.follow(
                'JSON_REMOVE', template_id,
                instead={'heat_template_version': key})))
        self.assertEqual(native, self.end(life, new, 'abc'))

    def test_from_cfn_to_hot(self):
        self.assert_repaired(cfn_of(self.OLD), self.NEW,
                             'heat_template_version')

    def test_from_hot_to_cfn(self):
        self.assert_repaired(self.OLD, cfn_of(self.NEW),
                             'AWSTemplateFormatVersion')


class ConditionTest(MergedTestCase):
    """An update gives e a condition and replaces a; its rollback fails."""

    OLD = chains.template(
        p=chains.resource(), a=dict(chains.resource(), depends_on='p'),
        e=dict(chains.resource(), depends_on='a', metadata={'m': 1}),
        b=dict(chains.resource(), depends_on='e'))
    NEW = chains.changed(OLD, p={'value': '2'}, a={'immutable': 'y'},
                         b={'value': '2'})
    NEW['conditions'] = {'on': {'equals': ['1', '1']}}
    NEW['resources']['e'].update(condition='on', metadata={'m': 2})

    def assert_repaired(self, old, new, section):
        def history(life):
            life.create(old)
            life.failing(('b', 'update'))
            life.ledger.failing_then = {('p', 'update'), ('p', 'create')}
            life.update(new, rollback=True)
            self.assertEqual('ROLLBACK_FAILED', self.state(life.identity))
            life.failing()
            life.ledger.failing_then = set()

        # Convergence replaces p and b, which failed.
        native = self.native(history, old, 'ae')
        life = lives.Life(self, convergence=False)
        history(life)
        self.assertIn('nvalid condition "on"', str(self.assert_refused(
            life, migrate_exception.InvalidMergedTemplate)))
        self.assert_no_operation_helps(
            life, lambda: life.update(old), life.delete)
        self.assertEqual(2, self.repair(
            life, migrate_exception.InvalidMergedTemplate,
            lambda template_id: self.follow(
                'JSON_MERGE_PATCH', template_id,
                instead={'conditions': section})))
        self.assertEqual(native, self.end(life, old, 'ae'))

    def test_in_hot(self):
        self.assert_repaired(self.OLD, self.NEW, 'conditions')

    def test_in_cfn(self):
        self.assert_repaired(cfn_of(self.OLD), cfn_of(self.NEW), 'Conditions')


class RemovedFunctionTest(MergedTestCase):
    """An update to a version without Ref fails before it reaches c."""

    OLD = chains.changed(
        chains.OLD, **{name: {'needs': [{'Ref': used}]}
                       for name, used in (('b', 'a'), ('c', 'b'))})
    OLD['heat_template_version'] = '2013-05-23'
    NEW = chains.changed(a={'value': '2'})

    def begin(self, convergence=False):
        life = lives.Life(self, convergence)
        life.create(self.OLD)
        life.failing(('a', 'update'))
        life.update(self.NEW)
        self.assertEqual('UPDATE_FAILED', self.state(life.identity))
        life.failing()
        return life

    def assert_sound_after(self, life):
        self.assertEqual(set(), life.forgotten)
        end, _rows = self.end(life, self.NEW, '')
        self.assertEqual(
            ('UPDATE_COMPLETE', lives.living(a='2/x', b='1/x', c='1/x'),
             [], []),
            (end['state'], end['living'], end['leaked'], end['lost']))

    def assert_updated(self, life):
        self.assertIn('Ref', str(self.assert_refused(
            life, migrate_exception.RemovedFunction)))
        life.update(self.NEW)
        life.convert()
        self.assert_sound_after(life)

    def test_an_update(self):
        self.assert_updated(self.begin())

    def test_an_update_after_a_check(self):
        # Nothing shows any more that an update has failed.
        life = self.begin()
        life.check()
        self.assertEqual('CHECK_COMPLETE', self.state(life.identity))
        # This is no remedy.
        self.assert_no_operation_helps(life, life.patch)
        self.assert_updated(life)

    def test_a_native_twin_knows_the_uses(self):
        life = self.begin(convergence=True)
        life.convert()
        self.assert_sound_after(life)

    def use_get_resource(self, template_id):
        self.change_template(template_id, lambda template: template[
            'resources'].update({name: self.NEW['resources'][name]
                                 for name in 'bc'}))

    def test_a_repair_of_each_template(self):
        life = self.begin()
        self.assertEqual(2, self.repair(
            life, migrate_exception.RemovedFunction, self.use_get_resource))
        self.assert_sound_after(life)

    def test_a_repair_where_no_update_is_possible(self):
        life = self.begin()
        life.failing(('c', 'delete'))
        life.delete()
        self.assertEqual('DELETE_FAILED', self.state(life.identity))
        self.assert_no_operation_helps(life, lambda: life.update(self.NEW))
        self.assertEqual(1, self.repair(
            life, migrate_exception.RemovedFunction, self.use_get_resource))
        self.assertEqual(set(), life.forgotten)
        life.delete()
        self.assertEqual(({}, []), (life.ledger.things,
                                    life.ledger.deleted_in_use))

    def roll_back(self, life, old, new):
        """The rollback fails at a, when b already uses it."""
        life.create(old)
        life.failing(('c', 'update'))
        life.ledger.failing_then = {('a', 'update'), ('a', 'create')}
        life.update(new, rollback=True)
        self.assertEqual('ROLLBACK_FAILED', self.state(life.identity))
        life.failing()
        life.ledger.failing_then = set()

    def test_a_rollback_from_the_other_format(self):
        # Each format has a function that the other one takes for data.
        old = chains.template(a=chains.resource(), b=chains.resource(),
                              c=dict(chains.resource(), depends_on='b'))
        new = chains.changed(old, a={'value': '2'}, c={'value': '2'}, b={
            'needs': [{'get_resource': 'a'}]})
        new_cfn = chains.changed(cfn_of(new), b={'needs': [{'Ref': 'a'}]})
        for old, new in ((cfn_of(old), new), (old, new_cfn)):
            life = lives.Life(self, convergence=True)
            self.roll_back(life, old, new)
            life.convert()
            self.assertEqual(set(), life.forgotten)
            life = lives.Life(self, convergence=False)
            self.roll_back(life, old, new)
            self.assert_refused(life, migrate_exception.RemovedFunction)
            # A check makes it COMPLETE, and repairs nothing.
            life.check()
            self.assert_refused(life, migrate_exception.RemovedFunction)
            life.update(old)
            life.convert()
            self.assertEqual(set(), life.forgotten)
            life.delete()
            self.assertEqual(({}, []), (life.ledger.things,
                                        life.ledger.deleted_in_use))

    def test_where_the_version_has_it(self):
        life = lives.Life(self, convergence=False)
        life.create(self.OLD)
        life.failing(('a', 'update'))
        life.update(chains.changed(self.OLD, a={'value': '2'}))
        life.failing()
        life.convert()
        self.assert_sound_after(life)


class MappingTest(MergedTestCase):
    """An update maps a type to another one, and fails before it reaches c."""

    KIND, INNER = 'My::Type', 'inner.yaml'
    FILES = dict.fromkeys((INNER, 'other.yaml'), json.dumps(
        chains.template(x=chains.resource())))
    OLD = chains.template(b=chains.resource(),
                          c={'type': KIND, 'depends_on': 'b'})
    NEW = chains.changed(OLD, b={'value': '2'})

    def begin(self, old, new, template=NEW):
        """Create a stack, and fail to map the type to another one."""
        life = lives.Life(self, convergence=False)
        self.mapped = {'resource_registry': new}
        life.create(self.OLD, self.FILES, {'resource_registry': old})
        life.failing(('b', 'update'))
        life.update(template, params=self.mapped)
        self.assertEqual('UPDATE_FAILED', self.state(life.identity))
        life.failing()
        return life

    def refuse(self, life):
        """Returns the physical id of c, which the refusal names."""
        row, = self.database.rows(models.Resource, name='c')
        physical_id = row['physical_resource_id']
        self.assertIn(physical_id, str(self.assert_refused(
            life, migrate_exception.OtherType)))
        return physical_id

    def assert_sound_after(self, life, physical_id, living):
        self.mark_deleted(physical_id)
        life.convert()
        life.update(self.NEW, params=self.mapped)
        self.assert_sound(life, 'c is created')
        self.assertEqual(living, life.ledger.living())
        life.delete()
        self.assertEqual({}, life.ledger.things)

    def test_a_type_mapped_to_a_nested_stack(self):
        life = self.begin({self.KIND: things.TYPE}, {self.KIND: self.INNER})
        physical_id = self.refuse(life)
        # By the remedy of the message.
        del life.ledger.things[physical_id]
        self.assert_sound_after(life, physical_id, [
            (('b',), '2/x', False), (('c', 'x'), '1/x', False)])

    def test_a_nested_stack_mapped_to_a_type(self):
        life = self.begin({self.KIND: self.INNER}, {self.KIND: things.TYPE})
        physical_id = self.refuse(life)
        # By the remedy of the message.
        self.delete_nested(physical_id)
        self.assertEqual(physical_id, self.refuse(life))
        self.assert_sound_after(life, physical_id, [
            (('b',), '2/x', False), (('c',), '/', False)])

    def test_a_nested_stack_mapped_to_another(self):
        life = self.begin({self.KIND: self.INNER}, {self.KIND: 'other.yaml'})
        life.convert()
        life.delete()
        self.assertEqual({}, life.ledger.things)

    def test_a_type_mapped_for_one_resource(self):
        mapped = {'resource_registry': {
            self.KIND: self.INNER,
            'resources': {'c': {self.KIND: things.TYPE}}}}
        old = chains.changed(self.OLD)
        old['resources']['d'] = {'type': self.KIND}
        life = lives.Life(self, convergence=False)
        life.create(old, self.FILES, mapped)
        life.failing(('b', 'update'))
        life.update(chains.changed(old, b={'value': '2'}), params=mapped)
        life.convert()
        life.delete()
        self.assertEqual({}, life.ledger.things)

    def test_an_external_nested_stack(self):
        # Heat supports none, but stores its id.
        life = lives.Life(self, convergence=False)
        life.create(chains.template(c={'type': 'OS::Heat::ResourceGroup',
                                       'external_id': 'elsewhere'}))
        self.assertEqual('CREATE_FAILED', self.state(life.identity))
        life.convert()
        life.delete()
        self.assertEqual('DELETE_COMPLETE', self.state(life.identity))

    def test_a_type_that_is_no_longer_mapped(self):
        new = chains.changed(self.NEW, without='c')
        life = self.begin({self.KIND: self.INNER}, {}, new)
        # By the remedy of the page of the reason codes.
        for backup in (False, True):
            self.assert_refused(life, migrate_exception.UnknownResourceType)
            stack, = (row for row in self.database.rows(
                models.Stack, deleted_at=None, backup=backup)
                if backup or not row['owner_id'])
            self.follow('JSON_SET', stack['raw_template_id'],
                        instead={'my_type.yaml': self.INNER})
        life.convert()
        life.update(new)
        self.assertEqual(lives.living(b='2/x'), life.ledger.living())
