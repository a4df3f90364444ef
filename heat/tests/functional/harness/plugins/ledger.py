# SPDX-License-Identifier: Apache-2.0

"""A resource type whose physical things are in a ledger outside Heat."""

import fixtures
from oslo_utils import uuidutils

from heat.engine import resource

#: The physical ids of the things that exist now.
things = set()


class Thing(resource.Resource):
    """Makes a thing with an id of its own, and deletes it."""

    properties_schema = {}

    def handle_create(self):
        thing = uuidutils.generate_uuid()
        things.add(thing)
        self.resource_id_set(thing)

    def handle_delete(self):
        things.discard(self.resource_id)


class Ledger(fixtures.Fixture):
    """A ledger that begins and ends empty.

    :ivar things: physical ids of the things that exist now.
    """

    def _setUp(self):
        things.clear()
        self.addCleanup(things.clear)
        self.things = things


def resource_mapping():
    return {'Test::Thing': Thing}
