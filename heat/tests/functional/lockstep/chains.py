# SPDX-License-Identifier: Apache-2.0

"""Templates of resources that use each other, and changes to them."""

import copy

from heat.tests.functional.harness.plugins import things as plugin


def resource(value='1', needs=(), immutable='x', kind=plugin.TYPE, **more):
    """A resource of a template, that uses others by their names."""
    properties = {'value': value, 'immutable': immutable,
                  'needs': [{'get_resource': name} for name in needs]}
    properties.update(more)
    return {'type': kind, 'properties': properties}


def template(**resources):
    return {'heat_template_version': '2018-08-31', 'resources': resources}


#: b uses a, and c uses b: the order is the same for both engines.
OLD = template(a=resource(), b=resource(needs='a'), c=resource(needs='b'))


def resources_of(of):
    """The resources of a HOT or CFN template."""
    return of['Resources' if 'Resources' in of else 'resources']


def changed(of=OLD, without=(), **resources):
    """A copy of a HOT or CFN template, with changed values of resources."""
    result = copy.deepcopy(of)
    members = resources_of(result)
    for name, properties in resources.items():
        members[name]['Properties' if 'Resources' in of
                      else 'properties'].update(properties)
    for name in without:
        del members[name]
    return result


def with_condition():
    """A template whose resource c is there if ``flag`` is true."""
    result = template(a=resource(), c=resource(needs='a'))
    result['parameters'] = {'flag': {'type': 'boolean'}}
    result['conditions'] = {'on': {'get_param': 'flag'}}
    result['resources']['c']['condition'] = 'on'
    return result


NEW = changed(b={'value': '2'}, c={'value': '2'})
REPLACING = changed(a={'immutable': 'y'}, b={'value': '2'}, c={'value': '2'})
