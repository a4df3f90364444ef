# SPDX-License-Identifier: Apache-2.0

"""Objects in the place of Heat's plug-ins, until these are asked for."""

import collections
import functools
import importlib
import threading

from heat.engine import clients
from heat.engine import environment
from heat.engine import plugin_manager
from heat.engine import resources

#: How Heat asks a module for its types.
TYPES = plugin_manager.PluginMapping(['available_resource', 'resource'])


class Type(environment.ClassResourceInfo):
    """A type whose module is imported when its class is asked for."""

    __slots__ = ('_module', '_class')

    def __init__(self, registry, name, module):
        self._module = module
        super().__init__(registry, [name], None)
        # As Heat marks what the global environment has.
        self.user_resource = False

    @property
    def value(self):
        if self._class is None:
            module = importlib.import_module(self._module)
            self._class = TYPES.load_from_module(module)[self.name]
        return self._class

    @value.setter
    def value(self, value):
        self._class = value


class Plugins(collections.UserDict):
    """The plug-ins of a namespace, loaded when one is asked for."""

    def __init__(self, namespace):
        self._namespace = namespace

    @functools.cached_property
    def data(self):
        return dict(resources._get_mapping(self._namespace))


class Clients:
    """In the place of Heat's manager of clients, until one is asked for."""

    def __init__(self):
        self._lock = threading.Lock()
        self._loader = None

    def __bool__(self):
        # Heat loads its manager only if there is none. Others wait for it.
        return self._loader != threading.get_ident()

    def _manager(self):
        with self._lock:
            if clients._mgr is self:
                self._loader = threading.get_ident()
                try:
                    clients.initialise()
                finally:
                    self._loader = None
        return clients._mgr

    def names(self):
        return self._manager().names()

    def __getitem__(self, name):
        return self._manager()[name]
