# SPDX-License-Identifier: Apache-2.0

"""A resource type that records its handler calls with its path in the tree."""

from heat.engine import properties
from heat.tests.functional.harness.plugins import recorder

TYPE = 'Test::Lockstep'

#: (names of the resources that lead to it from the root stack, handler,
#: arguments), in the order of the calls.
calls = []

#: ids of the rows of the resources that were deleted, in that order
deleted = []

#: {path: what to do once in the middle of the next update of it}
interruptions = {}


class Lockstep(recorder.Recorder):
    """A Recorder that can also be replaced, and interrupted."""

    PROPERTIES = (VALUE, FAIL, IMMUTABLE) = ('value', 'fail', 'immutable')

    properties_schema = dict(recorder.Recorder.properties_schema, **{
        IMMUTABLE: properties.Schema(properties.Schema.STRING, default='')})

    def _record(self, handler, *given):
        calls.append((self._path(), handler) + given)
        if self.properties[self.FAIL] == handler:
            raise ValueError('%s of %s fails' % (handler, self.name))

    def handle_delete(self):
        deleted.append(self.id)
        super().handle_delete()

    def check_update_complete(self, cookie):
        interrupt = interruptions.pop(self._path(), None)
        if interrupt is not None:
            interrupt()
        return True


def resource_mapping():
    return {TYPE: Lockstep}
