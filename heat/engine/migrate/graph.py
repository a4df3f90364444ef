# SPDX-License-Identifier: Apache-2.0

"""Compute what each resource of a stored stack depends on.

A convergence create computes the graph before any resource is stored
(heat.engine.stack.Stack._converge_create_or_update). The same is done here:
Heat parses the template and its resource plug-ins add their dependencies,
with no resource loaded from the database.
"""

import graphlib
import traceback
import typing

from oslo_log import log as logging

from heat.common import exception
from heat.common.migrate import exception as migrate_exception
from heat.common.migrate import text as migrate_text
from heat.engine import dependencies
from heat.engine.migrate import load as migrate_load
from heat.engine.migrate import parameters as migrate_parameters
from heat.engine.migrate import plugin_errors
from heat.engine.migrate import removed_functions
from heat.engine import resource

LOG = logging.getLogger(__name__)


class AsksPlugins(Exception):
    """Plug-ins may have to be asked for the requirements of a stack."""


def requirements(context, row, label, check_parameters=True, shared=None,
                 by_name=False):
    """Compute which resources of a stack require which others.

    :param context: with the credentials to load the stack with
    :param row: the heat.db.migrate.rows.StackRow of the stack
    :param label: the stack in words, for the messages
    :param check_parameters: refuse stored parameters that the template does
        not allow
    :param shared: the heat.engine.migrate.shared.Requirements of the tree, if
        it has more stacks
    :param by_name: do not ask plug-ins, which may call a service
    :returns: {resource name: set of the resource names that it requires}
    :raises AsksPlugins: when they must be asked
    :raises MigrationRefused: when the complete graph cannot be computed
    """
    known = shared and shared.get(row, check_parameters)
    if known is not None:
        return known
    required, failed = _or_refuse(row, label, lambda: _compute(
        context, row, label, check_parameters, shared, by_name))
    for name, error in failed.items():
        if isinstance(error, migrate_exception.DATABASE_ERRORS):
            raise error
        raise migrate_exception.ImplicitDependencies(
            stack=label, resource=name,
            error=_in_words(error, row, label)) from error
    return required


def _compute(context, row, label, check_parameters, shared, by_name):
    """As :func:`requirements`; returns the errors of plug-ins as well."""
    stack = migrate_load.without_resources(context, row, label)
    removed_functions.check(stack, row, label)
    if shared is not None:
        shared.watch(stack)
    if check_parameters:
        migrate_parameters.check(stack, label)
    required, failed = _graph_by_name(stack, label), {}
    if required is None:
        if by_name:
            raise AsksPlugins()
        required, failed = _graph(stack, label)
    elif shared is not None:
        shared.keep(stack, row, required, check_parameters)
    if failed:
        stack = migrate_load.with_data(context, row, label)
        required, failed = _requirements(stack)
    # Raises CycleError.
    graphlib.TopologicalSorter(required).prepare()
    return required, failed


def _or_refuse(row, label, function):
    """Call a function that reads a template; refuse the stack if it fails.

    Any error in a template must affect only its own stack.

    :raises InvalidTemplate: for an error that is no refusal
    """
    try:
        return function()
    except (migrate_exception.MigrationRefused, AsksPlugins,
            *migrate_exception.DATABASE_ERRORS):
        raise
    except Exception as exc:
        invalid = exc
    # Not within the except: oslo.log would add the error to each log line.
    raise migrate_exception.InvalidTemplate(
        stack=label, error=_in_words(invalid, row, label)) from invalid


def _in_words(error, row, label):
    """The text of an error for a reason: one line, without a full stop."""
    if isinstance(error, graphlib.CycleError):
        return 'a dependency in a circle: ' + ', '.join(error.args[1])
    text = migrate_parameters.hide(str(error), row)
    if not migrate_text.is_pythons(error):
        return ' '.join(text.split()).rstrip('.') or type(error).__name__
    # The log has the details for the developer of the plug-in.
    where = ''.join(traceback.format_tb(error.__traceback__))
    LOG.error(
        'Reading stack %(stack)s failed with %(error)s: %(text)s\n%(where)s',
        {'stack': label, 'error': type(error).__name__,
         'text': migrate_text.printable(text), 'where': where})
    return migrate_text.of_error(error)


def definitions(context, row, label):
    """The definitions of the resources that a template enables.

    :param row: the StackRow of a stack, with the template
    :returns: {resource name: its :class:`Definition`}
    :raises InvalidTemplate: when the template cannot be parsed
    """
    return _or_refuse(row, label, lambda: _definitions(context, row, label))


class Definition(typing.NamedTuple):
    """What a template says of a resource; equal where the definition is.

    ``nested`` says whether its type is one of nested stacks. It is None if
    that is unknown. An environment can map the type to another one.
    """

    rendered: dict
    nested: bool


def _definitions(context, row, label):
    stack = migrate_load.without_resources(context, row, label)
    of_names = {name: stack.defn.resource_definition(name)
                for name in stack.defn.enabled_rsrc_names()}
    by_name = _types_depend_on_names(stack, of_names)
    return {name: Definition(definition.render_hot(), None if by_name else
                             _is_nested(stack, definition))
            for name, definition in of_names.items()}


def _is_nested(stack, definition):
    if definition.external_id() is not None:
        return None
    try:
        plugin = stack.env.get_class_to_instantiate(definition.resource_type)
    except exception.StackValidationFailed:
        return None
    return plugin.has_nested is not resource.Resource.has_nested


def prepared(context, row, label):
    """Names of the resources from which a replacement takes something.

    Their plug-ins override ``prepare_for_replace``, which takes what the
    replacement needs from the physical resource. For example, a port gives up
    its fixed addresses.

    :raises UnknownResourceType: when a plug-in is missing
    """
    stack = migrate_load.without_resources(context, row, label)
    of_names = {name: stack.defn.resource_definition(name)
                for name in stack.defn.enabled_rsrc_names()}
    plugins = _plugins(stack, of_names, label)
    return {name for name, definition in of_names.items()
            if plugins[definition.resource_type].prepare_for_replace
            is not resource.Resource.prepare_for_replace}


def _graph_by_name(stack, label):
    """Return what is required, or None if plug-ins may have to be asked.

    If no plug-in adds dependencies, the names in the definitions are the
    whole graph. Then Heat's Resource objects are not created, which would
    take several times as long as parsing the template.
    """
    definitions = {name: stack.defn.resource_definition(name)
                   for name in sorted(stack.defn.enabled_rsrc_names())}
    if _types_depend_on_names(stack, definitions):
        return None
    plugins = _plugins(stack, definitions, label)
    if any(map(_adds_dependencies, plugins.values())):
        return None
    return _requirements_by_name(stack, definitions, plugins)


def _graph(stack, label):
    """Return what is required, and the errors of plug-ins by resource."""
    try:
        return _requirements(stack)
    except exception.StackValidationFailed:
        _plugins(stack, {name: stack.defn.resource_definition(name) for name
                         in sorted(stack.defn.enabled_rsrc_names())}, label)
        raise


def _types_depend_on_names(stack, definitions):
    """Whether an environment maps the type of single resources by name.

    Looking up such a type changes what Heat finds next for other resources
    of that type, because ResourceRegistry.get_resource_info in
    heat.engine.environment stores it. So the types must then be looked up
    exactly as Heat does.
    """
    registry = stack.env.registry
    return any(not definitions.keys().isdisjoint(level._registry['resources'])
               for level in (registry, registry.global_registry))


def _plugins(stack, definitions, label):
    """Return {resource type: its class} for the definitions of a stack."""
    plugins = {}
    for name, definition in definitions.items():
        kind = definition.resource_type
        if kind not in plugins:
            try:
                plugins[kind] = stack.env.get_class_to_instantiate(
                    kind, resource_name=name)
            except exception.StackValidationFailed as exc:
                raise migrate_exception.UnknownResourceType(
                    stack=label, resource=name, type=kind) from exc
    return plugins


def _adds_dependencies(plugin):
    return any(getattr(plugin, method) is not getattr(resource.Resource,
                                                      method)
               for method in ('add_dependencies', 'add_explicit_dependencies'))


def _requirements_by_name(stack, definitions, plugins):
    """The same as heat.engine.rsrc_defn.ResourceDefinition.dependencies.

    :raises InvalidTemplateReference: for a name that the template lacks
    """
    strict = {name for name, definition in definitions.items()
              if plugins[definition.resource_type].strict_dependency}
    required = {}
    for name, definition in definitions.items():
        names = definition.required_resource_names()
        for other in names.difference(definitions):
            # A dependency on a resource that a condition disables is allowed.
            if other not in stack.defn.all_rsrc_names():
                raise exception.InvalidTemplateReference(resource=other,
                                                         key=name)
        required[name] = names & strict
    return required


def _requirements(stack):
    """As :func:`_graph`, with the dependencies that plug-ins add."""
    graph = dependencies.Dependencies()
    failed = {}
    resources = stack.resources
    for member in resources.values():
        member.add_explicit_dependencies(graph)
    recorder = plugin_errors.Recorder(stack, resources.values())
    for name, member in resources.items():
        del recorder.errors[:]
        try:
            member.add_dependencies(graph)
        except Exception as exc:
            failed[name] = exc
        if recorder.errors:
            failed[name] = recorder.errors[0]
    return {name: {required.name for required in graph.requires(member)}
            for name, member in resources.items()}, failed
