# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Two stacks that the same operations are done to: they must not differ.

One was created under convergence, the other by the legacy engine and then
converted. Both belong to a synchronous engine, and their resources are
heat.tests.functional.plugins.lockstep.
"""

import collections
import copy
import json
import operator

import sqlalchemy

from heat.db import models
from heat.tests.functional import differential_templates as templates
from heat.tests.functional import oracle
from heat.tests.functional.plugins import lockstep
from heat.tests.functional import trees


class Pair:
    """The two stacks, and the template that both have now.

    :param test: a ``synchronous.EngineTestCase``.
    :param template: a ``differential_templates.Template``.
    :ivar operations: a Counter of the operations done so far.
    :ivar tried: a Counter of what the conversion wrote.
    """

    def __init__(self, test, template, snapshot_first=False):
        self.test = test
        self.template = template
        self.operations = collections.Counter()
        self._snapshots = []
        self._number = 0
        rendered, files = template.render()
        self.operations['create'] += 1
        self.native, self.converted = (
            test.create(copy.deepcopy(rendered), convergence, files)
            for convergence in (True, False))
        for identity in self.identities:
            row = test.row(identity)
            test.assertEqual('COMPLETE', row['status'], row['status_reason'])
        if snapshot_first:
            self.snapshot()
        self._forget_attributes()
        plan = test.convert(self.converted)
        self.tried = collections.Counter({
            'converted stacks': len(plan.stacks),
            'converted resources': plan.resources,
            'dependencies': plan.edges})

    @property
    def identities(self):
        return self.native, self.converted

    def _forget_attributes(self):
        """Let the native stack begin with no attribute values in its cache.

        The legacy engine keeps none, and Heat fills them in when a worker has
        checked a resource. Until then it computes them from the definition
        that the resource has been brought up to, natively too: see
        test_an_attribute_that_is_not_in_the_cache.
        """
        rows = trees.read(self.test.database, self.native['stack_id'])
        with self.test.database.engine.begin() as connection:
            connection.execute(sqlalchemy.update(models.Resource).where(
                models.Resource.id.in_([row['id'] for row in rows.resources])
            ).values(attr_data_id=None))

    def _both(self, operation, calls):
        """Do the same to both stacks and compare what resources were asked.

        :returns: what the calls returned, or the names of their exceptions.
        """
        self.operations[operation] += 1
        results, seen = [], []
        for call in calls:
            del lockstep.calls[:]
            lockstep.interruptions.clear()
            try:
                results.append(call())
            except self.test.failureException:
                raise
            except Exception as exc:
                results.append(type(exc).__name__)
            self.test.heat.run()
            seen.append((calls_by_resource(),
                         [type(exc).__name__ for exc in
                          self.test.heat.errors]))
            del self.test.heat.errors[:]
        self.test.assertEqual(*seen, operation)
        return results

    def do(self, operation, method, *args, **kwargs):
        """Call a method of the engine for both stacks; compare the ends."""
        ends = self._both(operation, [
            lambda identity=identity: method(self.test.ctx, identity, *args,
                                             **kwargs) and None
            for identity in self.identities])
        self.test.assertEqual(*ends, operation)
        self.compare(operation)

    def compare(self, operation):
        self.test.assertEqual(*[
            state(self.test, identity) for identity in self.identities],
            operation)

    def compare_rows(self):
        """Compare by the oracle: only while no operation has been done."""
        expected, found = (
            oracle.comparable(self.test.database, identity['stack_id'])
            for identity in self.identities)
        self.test.assertEqual(expected.keys(), found.keys())
        for path, values in expected.items():
            self.test.assertEqual(values, found[path], path)
        tree = trees.read(self.test.database, self.converted['stack_id'])
        self.test.assertEqual(oracle.inverse(tree), oracle.needed_by(tree))

    # What follows are the operations. Each takes a number, which chooses
    # the resource or the like that it is about.

    def _update(self, operation, template, keep=True, **args):
        rendered, files = template.render()
        self.do(operation, lambda ctx, identity:
                self.test.heat.update_stack(
                    ctx, identity, copy.deepcopy(rendered), {}, files,
                    dict({'disable_rollback': True}, **args)))
        if keep:
            self.template = template

    def _changed(self, number, fits=lambda node: True):
        """A copy of the template, and a resource that fits (or None)."""
        template = copy.deepcopy(self.template)
        names = [name for name, node in template.nodes.items() if fits(node)]
        name = names[number % len(names)] if names else None
        return template, name

    def change(self, number):
        """Update a property in place."""
        template, name = self._changed(number)
        template.nodes[name].value += 'u'
        self._update('change', template)

    def change_below(self, number):
        """Update a property of a resource at the bottom of the tree."""
        template, name = self._changed(number)
        node = template.nodes[name]
        while node.child and node.child.nodes:
            node = list(node.child.nodes.values())[
                number % len(node.child.nodes)]
        node.value += 'b'
        self._update('change below', template)

    def replace(self, number):
        template, name = self._changed(number, HAS_RECORDERS)
        if name:
            template.nodes[name].immutable += 'y'
            self._update('replace', template)

    def add(self, number):
        template, name = self._changed(number)
        self._number += 1
        template.nodes['added%d' % self._number] = templates.Node(
            templates.RECORDER, links={name: templates.LINKS[number % 4]}
            if name else {})
        self._update('add', template)

    def remove(self, number):
        template, name = self._changed(number)
        del template.nodes[name]
        for node in template.nodes.values():
            node.links.pop(name, None)
        template.nodes = template.nodes or {
            'left': templates.Node(templates.RECORDER)}
        self._update('remove', template)

    def rename(self, number):
        template, name = self._changed(number)
        self._number += 1
        new = 'renamed%d' % self._number
        template.nodes = {new if key == name else key: node
                          for key, node in template.nodes.items()}
        for node in template.nodes.values():
            if name in node.links:
                node.links[new] = node.links.pop(name)
        self._update('rename', template)

    def unlink(self, number):
        """Let a resource depend on nothing any more."""
        template, name = self._changed(number)
        template.nodes[name].links = {}
        self._update('unlink', template)

    def scale(self, number):
        template, name = self._changed(
            number, lambda node: node.kind in templates.GROUPS)
        if name:
            node = template.nodes[name]
            node.count = (node.count + 1 + number % 3) % 4
            self._update('scale', template)

    def switch(self, number):
        """Make conditional resources come or go."""
        template, _name = self._changed(number)
        template.flag = not template.flag
        self._update('switch', template)

    def check(self, number):
        self.do('check', self.test.heat.stack_check)

    def suspend(self, number):
        self.do('suspend', self.test.heat.stack_suspend)

    def resume(self, number):
        self.do('resume', self.test.heat.stack_resume)

    def snapshot(self, number=0):
        taken = self._both('snapshot', [
            lambda identity=identity: self.test.heat.stack_snapshot(
                self.test.ctx, identity, 'snapshot')['id']
            for identity in self.identities])
        self._snapshots.append(dict(zip(
            (identity['stack_id'] for identity in self.identities), taken)))

    def _with_snapshot(self, operation, method, number):
        if self._snapshots:
            snapshot = self._snapshots[number % len(self._snapshots)]
            self.do(operation, lambda ctx, identity: method(
                ctx, identity, snapshot[identity['stack_id']]))

    def restore(self, number):
        self._with_snapshot('restore', self.test.heat.stack_restore, number)

    def delete_snapshot(self, number):
        self._with_snapshot('delete snapshot',
                            self.test.heat.delete_snapshot, number)

    def mark_unhealthy(self, number):
        _template, name = self._changed(number)
        self.do('mark unhealthy', self.test.heat.resource_mark_unhealthy,
                name, True, 'it is said')

    def fail(self, number):
        """An update that fails, and is left so."""
        self._failing('fail', number, disable_rollback=True)

    def roll_back(self, number):
        """An update that fails and is rolled back."""
        self._failing('roll back', number, disable_rollback=False)

    def _failing(self, operation, number, **args):
        template, name = self._changed(number, HAS_RECORDERS)
        if name:
            node = template.nodes[name]
            node.value += 'f'
            if number % 2:
                node.fail = 'update'
            else:
                # What is to take its place cannot be created.
                node.immutable += 'f'
                node.fail = 'create'
            self._update(operation, template, keep=False, **args)

    def cancel(self, number):
        """Cancel an update while one of its resources is being updated."""
        template, name = self._changed(
            number, lambda node: node.kind == templates.RECORDER)
        if not name:
            return
        template.nodes[name].value += 'c'
        rendered, files = template.render()

        def update(ctx, identity):
            lockstep.interruptions[(name,)] = lambda: self._cancel(
                ctx, identity, with_rollback=bool(number % 2))
            self.test.heat.update_stack(ctx, identity,
                                        copy.deepcopy(rendered), {}, files,
                                        {'disable_rollback': True})

        self.do('cancel', update)

    def _cancel(self, ctx, identity, with_rollback):
        # All that can be done without the resource is done first.
        self.test.heat.run()
        self.test.heat.stack_cancel_update(
            ctx, identity, cancel_with_rollback=with_rollback)

    def delete(self):
        """Delete both stacks; resources go before what they depend on."""
        required = [requirements(self.test.database, identity)
                    for identity in self.identities]
        self.operations['delete'] += 1
        seen, ends = [], []
        for identity, pairs in zip(self.identities, required):
            del lockstep.calls[:], lockstep.deleted[:]
            self.test.heat.delete_stack(self.test.ctx, identity)
            self.test.heat.run()
            seen.append(calls_by_resource())
            ends.append(self.test.state(identity))
            for requirer, needed in pairs:
                self.test.assertNotIn(
                    requirer, lockstep.deleted[
                        lockstep.deleted.index(needed):]
                    if needed in lockstep.deleted else ())
        self.test.assertEqual(*seen)
        self.test.assertEqual(*ends)
        if ends[0] != 'DELETE_COMPLETE':
            # See test_a_delete_that_heat_does_not_finish.
            self.tried['deletes that Heat leaves unfinished'] += 1


HAS_RECORDERS = operator.attrgetter('has_recorders')

#: The names of the methods of a Pair that are operations.
OPERATIONS = (
    'change', 'change_below', 'replace', 'add', 'remove', 'rename', 'unlink',
    'scale', 'switch', 'check', 'suspend', 'resume', 'snapshot', 'restore',
    'delete_snapshot', 'mark_unhealthy', 'fail', 'roll_back', 'cancel')


def plain(text):
    """Hide which member of a scaling group is meant; they are all alike."""
    return oracle.SHORT_ID.sub('member', text)


def calls_by_resource():
    """What each resource was asked, in order, sorted by resource."""
    groups = collections.defaultdict(list)
    for path, *call in lockstep.calls:
        groups[path].append(plain(json.dumps(call)))
    return sorted((tuple(map(plain, path)), seen)
                  for path, seen in groups.items())


def _paths(tree):
    above = {}
    for stack in tree.stacks:
        above[stack['id']] = above.get(stack['owner_id'], ()) + (
            (plain(stack['parent_resource_name']),)
            if stack['owner_id'] else ())
    return above, {row['id']: above[row['stack_id']] + (plain(row['name']),)
                   for row in tree.resources}


def requirements(database, identity):
    """Pairs of ids of resource rows: the first requires the second."""
    tree = trees.read(database, identity['stack_id'])
    return [(row['id'], needed) for row in tree.resources
            for needed in row['requires']]


def state(test, identity):
    """What must be the same of both stacks after each operation."""
    tree = trees.read(test.database, identity['stack_id'])
    stacks, paths = _paths(tree)
    current = {stack['id']: stack['raw_template_id']
               for stack in tree.stacks}
    return {
        'stacks': sorted(
            (stacks[row['id']], row['action'], row['status'],
             row['convergence'], row['prev_raw_template_id'] is not None)
            for row in tree.stacks),
        'resources': sorted(
            (paths[row['id']], row['action'], row['status'],
             sorted(str(paths.get(needed)) for needed in row['requires']),
             row['current_template_id'] == current[row['stack_id']],
             row['replaces'] is not None, row['replaced_by'] is not None,
             row['physical_resource_id'] is not None,
             sorted((item['key'], item['value']) for item in
                    test.database.rows(models.ResourceData,
                                       resource_id=row['id'])))
            for row in tree.resources),
        'outputs': sorted(
            (output['output_key'], plain(str(output.get('output_value'))))
            for output in test.heat.show_stack(
                test.ctx, identity)[0]['outputs'])}
