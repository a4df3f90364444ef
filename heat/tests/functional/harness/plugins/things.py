# SPDX-License-Identifier: Apache-2.0

"""A resource type for things in a ledger outside Heat."""

import dataclasses
import itertools

from heat.engine import properties
from heat.tests.functional.harness.plugins import recorder

TYPE = 'Test::Physical'
PREPARED = 'Test::PreparedPhysical'


@dataclasses.dataclass
class Thing:
    """The thing of a resource; ``uses`` are ids of other things."""

    path: tuple
    value: str
    uses: set
    spoilt: bool = False


class Ledger:
    """All things, with the errors in their deletes.

    :ivar things: {physical id: Thing}, only existing ones
    :ivar failing: (resource name, handler) pairs that fail for now
    :ivar failing_then: pairs that fail too, after the first failure
    :ivar interruptions: {resource name: function to call once during its next
        create or update}
    :ivar deleted_in_use: paths of things that were deleted before their users
    :ivar lost: paths of things that Heat deleted or updated without them
    """

    def __init__(self):
        self._numbers = itertools.count(1)
        self.things = {}
        self.failing = set()
        self.failing_then = set()
        self.interruptions = {}
        self.deleted_in_use = []
        self.lost = []

    def reserve(self, name):
        """A physical id for a thing that is not made yet."""
        return 'thing-%d-%s' % (next(self._numbers), name)

    def create(self, physical_id, thing):
        self.touch()
        self.things[physical_id] = thing

    def touch(self):
        """Called before each step: tests may make it raise."""

    def delete(self, name, path):
        self.touch()
        if name not in self.things:
            return
        # Another thread may add one meanwhile.
        if any(name in other.uses for other in list(self.things.values())):
            self.deleted_in_use.append(path)
        del self.things[name]

    def living(self):
        """Paths and values of all things, sorted."""
        return sorted((thing.path, thing.value, thing.spoilt)
                      for thing in self.things.values())


ledger = Ledger()


def renew():
    """Begin with an empty ledger; returns it."""
    global ledger
    ledger = Ledger()
    return ledger


class Ledgered(recorder.Recorder):
    """Creates, updates and deletes a thing.

    ``needs`` holds the physical ids of the things that it uses.
    """

    PROPERTIES = (VALUE, FAIL, IMMUTABLE, NEEDS) = (
        'value', 'fail', 'immutable', 'needs')

    properties_schema = dict(recorder.Recorder.properties_schema, **{
        IMMUTABLE: properties.Schema(properties.Schema.STRING, default=''),
        NEEDS: properties.Schema(properties.Schema.LIST, default=[],
                                 update_allowed=True)})

    def _record(self, handler, *given):
        if (handler in self.properties[self.FAIL].split() or
                (self.name, handler) in ledger.failing):
            ledger.failing |= ledger.failing_then
            raise ValueError('%s of %s fails' % (handler, self.name))

    def _value(self, given):
        return '%s/%s' % (given[self.VALUE], given[self.IMMUTABLE])

    def handle_create(self):
        thing = Thing(self._path(), self._value(self.properties),
                      set(self.properties[self.NEEDS] or ()))
        # An engine may die here, and the ledger must have the thing.
        self.resource_id_set(ledger.reserve(self.name))
        ledger.create(self.resource_id, thing)
        self._record('create')

    def handle_update(self, json_snippet, tmpl_diff, prop_diff):
        ledger.touch()
        self._record('update')
        thing = ledger.things.get(self.resource_id)
        if thing is None:
            if self.resource_id:
                ledger.lost.append(self._path())
            return
        new = json_snippet.properties(self.properties_schema, self.context)
        thing.value = self._value(new)
        thing.uses = set(new[self.NEEDS] or ())

    def handle_adopt(self, resource_data=None):
        self._record('adopt')
        super().handle_adopt(resource_data)

    def handle_restore(self, defn, restore_data):
        # The template of the snapshot has all that is to be restored.
        self._record('restore')
        return defn

    def _check_complete(self, *_cookie):
        interrupt = ledger.interruptions.pop(self.name, None)
        if interrupt is None:
            return True
        interrupt()
        return False

    check_create_complete = check_update_complete = _check_complete

    def handle_delete(self):
        self._record('delete')
        if self.resource_id:
            ledger.delete(self.resource_id, self._path())


class Prepared(Ledgered):
    """Gives a needed value to its replacement, as a port does."""

    def prepare_for_replace(self):
        thing = ledger.things.get(self.resource_id)
        if thing is not None:
            thing.spoilt = True

    def restore_prev_rsrc(self, convergence=False):
        """Take the value back, in a rollback.

        As a port does: convergence calls this on the replaced resource, the
        legacy engine on the replacement.
        """
        replaced = (self if convergence else
                    self.stack._backup_stack().resources.get(self.name))
        thing = replaced and ledger.things.get(replaced.resource_id)
        if thing:
            thing.spoilt = False


def resource_mapping():
    return {TYPE: Ledgered, PREPARED: Prepared}
