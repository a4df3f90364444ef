# SPDX-License-Identifier: Apache-2.0

"""Import Heat's plug-ins when a stack needs them.

Heat imports all modules of its resources, to ask each for its types, and all
clients and constraints. For one stack that takes longer than the stack itself.
Here ``resource_types`` reads the names of the types in the source. The class
of a type is always the one that its module returns, after its import.

Modules that do not tell their types so are imported at once, as are those of
``plugin_dirs``. If anything else is unclear, Heat loads all plug-ins.
"""

import hashlib
import importlib
import pathlib
import pkgutil

from oslo_config import cfg
from oslo_log import log as logging

from heat.cmd.migrate import resource_types
from heat.cmd.migrate import stand_ins
from heat.common import plugin_loader
from heat.engine import clients
from heat.engine import environment
from heat.engine import plugin_manager
from heat.engine import resources

LOG = logging.getLogger(__name__)

# What registers plug-ins in Heat, and the SHA-256 of these files. They are the
# same in all tested releases. A distribution may have changed them.
_REGISTERING = (resources, environment, plugin_manager, plugin_loader)
_TESTED = (
    'f39d4f81e991e85717934fe119eab3cd01b2428df79e70e6f02823d319e6789a')

_CONSTRAINTS = plugin_manager.PluginMapping('constraint')


def initialise():
    """Register all plug-ins as Heat's initialise does, but import few."""
    if resources._environment is not None:
        return
    try:
        # With debug, Heat's log lists the class of each type.
        if not cfg.CONF.debug and _digest() == _TESTED:
            # Plug-ins may ask for a client while they are imported.
            clients._mgr = clients._mgr or stand_ins.Clients()
            resources._environment = _global_environment()
    except Exception as exc:
        LOG.debug('All plug-ins are loaded, because of %r', exc)
    resources.initialise()


def _digest():
    return hashlib.sha256(b''.join(
        pathlib.Path(module.__file__).read_bytes()
        for module in _REGISTERING)).hexdigest()


def _global_environment():
    """Make what Heat's initialise makes."""
    owners, at_once = _read()
    env = environment.Environment({}, user_env=False)
    env.constraints = stand_ins.Plugins('heat.constraints')
    env.event_sink_classes = stand_ins.Plugins('heat.event_sinks')
    resources._register_stack_lifecycle_plugins(
        env, resources._get_mapping('heat.stack_lifecycle_plugins'))
    for name, module in owners.items():
        if module is not None:
            # Not register_class(), which looks at the class.
            env.registry._registry[name] = stand_ins.Type(
                env.registry, name, module)
    # This has the modules of plugin_dirs only; they may replace Heat's types.
    manager = plugin_manager.PluginManager()
    manager.modules[:0] = at_once
    resources._register_resources(env, stand_ins.TYPES.load_all(manager))
    resources._register_constraints(env, _CONSTRAINTS.load_all(manager))
    environment.read_global_environment(env)
    return env


def _read():
    """Read which types the modules of Heat's resources have.

    :returns: {type: the name of its module, None if that is imported}, and the
        modules that had to be imported
    :raises ValueError: when two have the same type
    """
    owners, at_once = {}, []
    for name, source in _sources():
        types = resource_types.types_in(source)
        if types is None:
            at_once.append(importlib.import_module(name))
            types, name = stand_ins.TYPES.load_from_module(at_once[-1]), None
        if owners.keys() & types:
            # Heat takes the last one, and its order is Heat's to choose.
            raise ValueError('Two modules for %s' % (owners.keys() & types))
        owners.update(dict.fromkeys(types, name))
    return owners, at_once


def _sources():
    """Yield the name and source of each module, found as Heat finds them."""
    for finder, name, _is_package in pkgutil.walk_packages(
            resources.__path__, resources.__name__ + '.', _refuse):
        if '.tests.' not in name and not name.endswith('.setup'):
            yield name, finder.find_spec(name).loader.get_source(name)


def _refuse(name):
    raise ImportError('Cannot import %s' % name)
