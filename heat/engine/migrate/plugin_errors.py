# SPDX-License-Identifier: Apache-2.0

"""Errors that resource plug-ins keep to themselves.

Several plug-ins skip a dependency when a property cannot be read or a service
does not answer (heat.engine.resources.openstack.neutron.floatingip writes a
line into the log). What they ask for is handed to them by the objects here,
which remember what failed.
"""

import collections.abc

_PLAIN = (str, bytes, int, float, type(None), list, dict, tuple, set, type)


class Witness:
    """Remembers errors while a plug-in adds the dependencies of a resource.

    :ivar errors: in their order
    """

    def __init__(self, stack, resources):
        """Watch what resources ask for; they are not good for more then.

        :param stack: their heat.engine.stack.Stack, of its own
        :param resources: its heat.engine.resource.Resource objects
        """
        self.errors = []
        stack.clients = _Clients(stack.clients, self)
        for member in resources:
            member.properties = _Properties(member.properties, self)

    def call(self, function, *args, **kwargs):
        """Call a function; its error is remembered and raised."""
        try:
            return function(*args, **kwargs)
        except Exception as exc:
            self.errors.append(exc)
            raise


class _Watched:
    """A client, or a part of it, that is called through a witness."""

    def __init__(self, watched, witness):
        self._watched = watched
        self._witness = witness

    def __getattr__(self, name):
        value = getattr(self._watched, name)
        if isinstance(value, _PLAIN):
            return value
        return _Watched(value, self._witness)

    def __call__(self, *args, **kwargs):
        return self._witness.call(self._watched, *args, **kwargs)


class _Clients:
    """heat.engine.clients.OpenStackClients, with watched clients."""

    def __init__(self, clients, witness):
        self._clients = clients
        self._witness = witness

    def client(self, *args, **kwargs):
        return _Watched(self._witness.call(self._clients.client, *args,
                                           **kwargs), self._witness)

    def __getattr__(self, name):
        return getattr(self._clients, name)


class _Properties(collections.abc.Mapping):
    """heat.engine.properties.Properties, of which reading is watched."""

    def __init__(self, properties, witness):
        self._properties = properties
        self._witness = witness

    def __getitem__(self, key):
        # A property that the resource type does not have is no failure:
        # plug-ins ask resources of other types, too.
        if key not in self._properties.props:
            raise KeyError(key)
        return self._witness.call(self._properties.__getitem__, key)

    def __iter__(self):
        return iter(self._properties)

    def __len__(self):
        return len(self._properties)

    def __contains__(self, key):
        return key in self._properties

    def __getattr__(self, name):
        return getattr(self._properties, name)
