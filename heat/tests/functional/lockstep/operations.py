# SPDX-License-Identifier: Apache-2.0

"""The operations for two stacks in lockstep."""

import copy
import operator

from heat.tests.functional.harness.plugins import lockstep as plugin
from heat.tests.functional.lockstep import comparison as lockstep
from heat.tests.functional.lockstep import state as lockstep_state
from heat.tests.functional.lockstep import templates

HAS_RECORDERS = operator.attrgetter('has_recorders')

#: The names of the methods of a Pair that are operations.
OPERATIONS = (
    'change', 'change_below', 'replace', 'add', 'remove', 'rename', 'unlink',
    'scale', 'switch', 'check', 'suspend', 'resume', 'snapshot', 'restore',
    'delete_snapshot', 'mark_unhealthy', 'fail', 'roll_back', 'cancel')


class Pair(lockstep.Pair):
    """Two stacks, and the operations that are done to both.

    Each takes a number, which chooses for example a resource.
    """

    def __init__(self, test, template):
        super().__init__(test, template)
        self._snapshots = []
        self._number = 0

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
        """Remove the dependencies of a resource."""
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
        self.verify('snapshot')

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
                # Its replacement cannot be created.
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
            plugin.interruptions[(name,)] = lambda: self._cancel(
                ctx, identity, with_rollback=bool(number % 2))
            self.test.heat.update_stack(ctx, identity,
                                        copy.deepcopy(rendered), {}, files,
                                        {'disable_rollback': True})

        self.do('cancel', update)

    def _cancel(self, ctx, identity, with_rollback):
        # All steps that do not need the resource come first.
        self.test.heat.run()
        self.test.heat.stack_cancel_update(
            ctx, identity, cancel_with_rollback=with_rollback)

    def delete(self):
        """Delete both stacks; resources go before what they depend on."""
        required = [
            lockstep_state.requirements(self.test.database, identity)
            for identity in self.identities]
        self.operations['delete'] += 1
        seen, ends = [], []
        for identity, pairs in zip(self.identities, required):
            del plugin.calls[:], plugin.deleted[:]
            self.test.heat.delete_stack(self.test.ctx, identity)
            self.test.heat.run()
            seen.append(lockstep_state.calls_by_resource())
            ends.append(self.test.state(identity))
            for requirer, needed in pairs:
                self.test.assertNotIn(
                    requirer, plugin.deleted[
                        plugin.deleted.index(needed):]
                    if needed in plugin.deleted else ())
        self.test.assertEqual(*seen)
        self.test.assertEqual(*ends)
        if ends[0] != 'DELETE_COMPLETE':
            # Heat has finished neither delete.
            self.tried['deletes that Heat leaves unfinished'] += 1
