# SPDX-License-Identifier: Apache-2.0

"""What the rows of a converted failed stack require, and its graph."""

from heat.common.migrate import exception as migrate_exception
from heat.db.migrate import rows
from heat.db import models
from heat.engine.migrate import failed_templates
from heat.tests import common
from heat.tests.migrate import test_failed


class RequiresTest(test_failed.FailedCase):

    def test_both_of_a_pair_are_required(self):
        old = self.add_row(self.backup, 'a')
        rows = self.resources(self.stack)
        self.convert()
        self.assertEqual(sorted((old, rows['a'].id), reverse=True),
                         self.resource(rows['b'].id).requires)

    def test_nothing_requires_what_was_never_created(self):
        rows = self.resources(self.stack)
        self.set_values(models.Resource, rows['a'].id, action='CREATE',
                        status='FAILED')
        self.convert()
        self.assertEqual([], self.resource(rows['b'].id).requires)

    def test_a_name_has_one_update_node(self):
        chosen = {row.id for row in self.resources(self.stack).values()}
        self.add_row(self.backup, 'a')
        self.convert()
        updated = {node[0] for edge in self.edges() for node in edge
                   if node and node[1]}
        self.assertEqual(chosen, updated)

    def test_each_row_has_a_node_for_its_clean_up(self):
        # The target names neither, and neither requires the other.
        self.set_target(c=[])
        self.set_template(self.stack.t.id, a=[], b=[])
        rows = self.resources(self.stack).values()
        self.convert()
        self.assertCountEqual([[[row.id, False], None] for row in rows],
                              self.edges())

    def test_what_was_replaced_is_cleaned_up_after_its_replacement(self):
        # A rollback can have put the older one back into the stack.
        older = self.add_row(self.backup, 'a', id=-1)
        rows = self.resources(self.stack)
        newer = self.add_row(self.backup, 'b')
        self.convert()
        edges = self.edges()
        self.assertIn([[older, False], [rows['a'].id, False]], edges)
        self.assertIn([[rows['b'].id, False], [newer, False]], edges)


class UnfinishedTest(test_failed.FailedCase):
    """What b requires when its update has changed that from a to c."""

    values, required_c, status, may_have_begun = {}, [], 'FAILED', False

    scenarios = [
        ('it failed', {'may_have_begun': True}),
        ('it was not reached', {'status': 'COMPLETE'}),
        ('it cannot have begun', {'values': {'action': 'CREATE',
                                             'status': 'FAILED'}}),
        ('what it requires is not done', {'required_c': ['a']})]

    def test_requires(self):
        self.set_target(a=[], b=['c'], c=self.required_c)
        if self.required_c:
            self.set_template(self.stack.t.id, a=[], b=['a'], c=[])
        added = self.add_row(self.stack, 'c', **self.values)
        rows = self.resources(self.stack)
        self.set_values(models.Resource, rows['b'].id, action='UPDATE',
                        status=self.status)
        expected = [rows['a'].id] + [added] * self.may_have_begun
        self.convert()
        self.assertEqual(sorted(expected, reverse=True),
                         self.resource(rows['b'].id).requires)


class BegunTest(test_failed.FailedCase):
    """What a failed update may have let a resource begin to use."""

    def fail_b(self):
        rows = self.resources(self.stack)
        self.set_values(models.Resource, rows['b'].id, action='UPDATE',
                        status='FAILED')
        return rows

    def test_a_requirement_that_would_close_a_circle_is_not_added(self):
        # The old a requires b, and the new b the new a.
        self.set_target(a=[], b=['a'])
        self.set_template(self.stack.t.id, a=[], b=[])
        self.set_template(self.backup.t.id, a=['b'], b=[])
        old = self.add_row(self.backup, 'a', id=-1)
        rows = self.fail_b()
        self.convert()
        self.assertEqual([[], [rows['b'].id]], [
            self.resource(row_id).requires
            for row_id in (rows['b'].id, old)])

    def test_a_replaced_resource_may_have_failed_before(self):
        # The legacy engine then makes it COMPLETE.
        self.set_target(a=[], b=['c'], c=[])
        added = self.add_row(self.stack, 'c')
        old = self.add_row(self.backup, 'b', id=-1)
        rows = self.resources(self.stack)
        self.convert()
        self.assertEqual(sorted((rows['a'].id, added), reverse=True),
                         self.resource(old).requires)

    def fail_to_delete(self):
        added = self.add_row(self.stack, 'c')
        rows = self.fail_b()
        self.set_values(models.Stack, self.stack.id, action='DELETE')
        self.set_template(self.stack.t.id, a=[], b=['a'], c=[])
        return rows, added

    def test_a_failed_delete_keeps_what_the_update_began(self):
        self.set_target(a=[], b=['c'], c=[])
        rows, added = self.fail_to_delete()
        self.convert()
        self.assertEqual(sorted((rows['a'].id, added), reverse=True),
                         self.resource(rows['b'].id).requires)

    def test_a_failed_delete_needs_the_template_of_the_update(self):
        self.set_target(a=[], b=['c'], c=[])
        rows, added = self.fail_to_delete()
        last = self.row(self.stack).prev_raw_template_id
        self.set_values(models.Stack, self.stack.id,
                        prev_raw_template_id=self.template({'no': 'version'}))
        self.assert_refused(migrate_exception.InvalidLastTemplate,
                            'If no update is possible, restore')
        self.set_values(models.Stack, self.stack.id, prev_raw_template_id=last)
        self.convert()
        self.assertEqual(sorted((rows['a'].id, added), reverse=True),
                         self.resource(rows['b'].id).requires)


class LastGraphTest(common.HeatTestCase):
    """The requirements of the last update of a stack that is to be deleted."""

    def setUp(self):
        super().setUp()
        self.asked = []
        self.error = None
        nothing = dict.fromkeys(rows.StackRow._fields)
        self.row = rows.StackRow(**dict(
            nothing, action='DELETE', status='FAILED', raw_template_id=1,
            prev_raw_template_id=2, template='{"a": 1}', files_id=3))

    def requirements(self, row, is_target):
        self.asked.append(row.raw_template_id)
        if self.error and not is_target:
            raise self.error
        return {}

    def templates(self, **last):
        last = dict(self.row._asdict(), **last)
        return failed_templates.RowTemplates(self.row, [], {2: last}, (),
                                             self)

    def read(self, **last):
        templates = self.templates(**last)
        templates.graph(templates.target)
        return templates.last_graph()

    def test_an_equal_template_is_not_asked_again(self):
        self.read()
        self.assertEqual([1], self.asked)

    def test_another_one_is_asked(self):
        for last in ({'template': '{"a": 2}'}, {'environment': '{}'},
                     {'files_id': 4}):
            self.read(**last)
        self.assertEqual([1, 2] * 3, self.asked)

    def test_a_template_that_cannot_be_read_is_a_refusal(self):
        self.error = migrate_exception.InvalidTemplate(stack='s', error='e')
        self.assertRaises(migrate_exception.InvalidLastTemplate,
                          self.read, template=None)

    def test_dependencies_that_cannot_be_computed_are_a_refusal(self):
        self.error = migrate_exception.ImplicitDependencies(
            stack='s', resource='r', error='e')
        self.assertRaises(migrate_exception.ImplicitDependencies,
                          self.read, template='{"a": 2}')
