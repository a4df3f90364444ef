# SPDX-License-Identifier: Apache-2.0

"""Record errors that resource plug-ins suppress.

Several plug-ins skip a dependency when a property cannot be read or a service
does not answer (heat.engine.resources.openstack.neutron.floatingip only logs a
line). So the plug-ins get their properties and clients through the objects
here, which record every error.
"""

import collections.abc

_PLAIN = (str, bytes, int, float, type(None), list, dict, tuple, set, type)


class Recorder:
    """Records errors while a plug-in adds the dependencies of a resource.

    :ivar errors: in their order
    """

    def __init__(self, stack, resources):
        """Wrap the clients and the properties of resources.

        Afterwards the stack and the resources cannot be used for anything
        else.

        :param stack: a heat.engine.stack.Stack, loaded only for this
        :param resources: its heat.engine.resource.Resource objects
        """
        self.errors = []
        stack.clients = _Clients(stack.clients, self)
        for member in resources:
            member.properties = _Properties(member.properties, self)

    def call(self, function, *args, **kwargs):
        """Call a function; its error is recorded and raised."""
        try:
            return function(*args, **kwargs)
        except Exception as exc:
            self.errors.append(exc)
            raise


class _Recorded:
    """A client, or a part of it, that is called through a recorder."""

    def __init__(self, recorded, recorder):
        self._recorded = recorded
        self._recorder = recorder

    def __getattr__(self, name):
        value = getattr(self._recorded, name)
        if isinstance(value, _PLAIN):
            return value
        return _Recorded(value, self._recorder)

    def __call__(self, *args, **kwargs):
        return self._recorder.call(self._recorded, *args, **kwargs)


class _Clients:
    """heat.engine.clients.OpenStackClients, with recorded calls."""

    def __init__(self, clients, recorder):
        self._clients = clients
        self._recorder = recorder

    def client(self, *args, **kwargs):
        client = self._recorder.call(self._clients.client, *args, **kwargs)
        return _Recorded(client, self._recorder)

    def __getattr__(self, name):
        return getattr(self._clients, name)


class _Properties(collections.abc.Mapping):
    """heat.engine.properties.Properties, with recorded reading."""

    def __init__(self, properties, recorder):
        self._properties = properties
        self._recorder = recorder

    def __getitem__(self, key):
        # A property that the resource type lacks is no error: plug-ins also
        # read properties of other resource types.
        if key not in self._properties.props:
            raise KeyError(key)
        return self._recorder.call(self._properties.__getitem__, key)

    def __iter__(self):
        return iter(self._properties)

    def __len__(self):
        return len(self._properties)

    def __contains__(self, key):
        return key in self._properties

    def __getattr__(self, name):
        return getattr(self._properties, name)
