# SPDX-License-Identifier: Apache-2.0

"""A resource type that records each call of its handlers."""

from heat.engine import attributes
from heat.engine import properties
from heat.engine import resource

#: (resource name, handler, arguments), in the order of the calls.
calls = []


class Recorder(resource.Resource):
    """Has every handler that snapshots need, and no physical resource."""

    PROPERTIES = (VALUE, FAIL) = ('value', 'fail')
    ATTRIBUTES = (COPY,) = ('copy',)

    properties_schema = {
        VALUE: properties.Schema(properties.Schema.STRING, default='',
                                 update_allowed=True),
        FAIL: properties.Schema(properties.Schema.STRING, default='',
                                update_allowed=True),
    }
    attributes_schema = {COPY: attributes.Schema('The value')}

    def _path(self):
        """Names of the resources that lead to it from the root stack."""
        above = [name for name, _ in self.stack.path_in_stack() if name]
        return tuple(above) + (self.name,)

    def _record(self, handler, *given):
        calls.append((self.name, handler) + given)
        if self.properties[self.FAIL] == handler:
            raise ValueError('%s of %s fails' % (handler, self.name))

    def _resolve_attribute(self, name):
        return self.properties[self.VALUE]

    def handle_create(self):
        self.resource_id_set('physical-' + self.name)
        self._record('create', self.properties[self.VALUE])

    def handle_update(self, json_snippet, tmpl_diff, prop_diff):
        self._record('update', sorted(prop_diff.items()))

    def handle_delete(self):
        self._record('delete')

    def handle_snapshot_delete(self, state):
        # Called instead of the other, by the deletion policy.
        self._record('snapshot_delete')

    def handle_suspend(self):
        self._record('suspend')

    def handle_resume(self):
        self._record('resume')

    def handle_check(self):
        self._record('check')

    def handle_snapshot(self):
        self.data_set('image', 'image-of-%s' % self.properties[self.VALUE])
        self._record('snapshot')

    def handle_delete_snapshot(self, snapshot):
        self._record('delete_snapshot', self.resource_id,
                     snapshot['resource_data'])

    def handle_restore(self, defn, restore_data):
        # A resource whose snapshot failed has no data.
        data = (restore_data or {}).get('resource_data', {})
        self._record('restore', data)
        return defn.freeze(properties={self.VALUE: data.get('image', '')})


def resource_mapping():
    return {'Test::Recorder': Recorder}
