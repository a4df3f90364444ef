# SPDX-License-Identifier: Apache-2.0

"""Find every template in the installed Heat, and in its tests.

Their OS::* and AWS::* resource types are mapped to one that needs no cloud.
"""

import ast
from importlib import metadata
import pathlib
import re
import typing

import heat
from heat.common import template_format

_VERSION_KEYS = ('heat_template_version', 'HeatTemplateFormatVersion',
                 'AWSTemplateFormatVersion')
_VERSION_LINE = re.compile(r'^\s*["\']?(%s)["\']?\s*:'
                           % '|'.join(_VERSION_KEYS), re.MULTILINE)

#: Replaces a resource type that needs a cloud: it accepts any property.
PLACEHOLDER = 'OS::Heat::None'

#: Types of Heat's own that work without a cloud.
NO_CLOUD = frozenset('OS::Heat::' + name for name in (
    'AutoScalingGroup', 'CloudConfig', 'MultipartMime', 'None',
    'RandomString', 'ResourceChain', 'ResourceGroup', 'SoftwareConfig',
    'Stack', 'StructuredConfig', 'TestResource', 'Value'))

#: The resource that an update adds.
ADDED = 'added_by_the_update'


class Found(typing.NamedTuple):
    """A template, and the file and line that it is from."""

    where: str
    text: object  # text, or the parsed object

    def parse(self):
        """Parse it as Heat does; raises what Heat raises."""
        if isinstance(self.text, str):
            return template_format.parse(self.text)
        return self.text


def collect():
    """Find all templates, each once.

    :returns: a list of :class:`Found`, in the order of the files.
    """
    seen, result = set(), []
    for found in (*_shipped(), *_of_tests()):
        key = repr(found.text)
        if key not in seen:
            seen.add(key)
            result.append(found)
    return result


def _shipped():
    for path in sorted(metadata.files('openstack-heat') or ()):
        if path.match('etc/heat/templates/*.yaml'):
            file = pathlib.Path(path.locate())
            yield Found('etc/heat/templates/' + file.name, file.read_text())


def _of_tests():
    tests = pathlib.Path(heat.__file__).parent / 'tests'
    for file in sorted(tests.rglob('*')):
        name = str(file.relative_to(tests.parent.parent))
        if file.suffix in ('.yaml', '.template'):
            yield Found(name, file.read_text())
        elif file.suffix == '.py':
            for line, template in _in_code(file.read_text()):
                yield Found('%s:%d' % (name, line), template)


def _in_code(code):
    """Templates that are strings, or dicts of literals."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if _VERSION_LINE.search(node.value):
                yield node.lineno, node.value
        elif isinstance(node, ast.Dict) and any(
                isinstance(key, ast.Constant) and key.value in _VERSION_KEYS
                for key in node.keys):
            try:
                yield node.lineno, ast.literal_eval(node)
            except ValueError:
                pass  # parts of it are computed when the test runs


def environment(template):
    """The environment that lets Heat create a parsed template here."""
    return {
        'resource_registry': {
            kind: PLACEHOLDER for kind in _types(template)
            if kind.startswith(('OS::', 'AWS::')) and kind not in NO_CLOUD},
        'parameters': {
            name: _value(schema) for name, schema in _parameters(template)
            if not {'default', 'Default'}.intersection(schema)}}


def _types(value):
    """All resource types in a template, also of the members of groups."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ('type', 'Type') and isinstance(item, str):
                yield item
            else:
                yield from _types(item)
    elif isinstance(value, list):
        for item in value:
            yield from _types(item)


def _parameters(template):
    parameters = template.get('parameters', template.get('Parameters'))
    if isinstance(parameters, dict):
        for name, schema in parameters.items():
            if isinstance(schema, dict):
                yield name, schema


def _value(schema):
    """A valid value for a parameter without a default."""
    limits = {}
    for constraint in schema.get('constraints') or ():
        if isinstance(constraint, dict):
            limits.update(constraint)
    allowed = limits.get('allowed_values') or schema.get('AllowedValues')
    if isinstance(allowed, list):
        return allowed[0]
    kind = str(schema.get('type', schema.get('Type'))).lower()
    if kind == 'number':
        return (limits.get('range') or {}).get(
            'min', schema.get('MinValue', 1))
    if kind == 'string':
        shortest = (limits.get('length') or {}).get(
            'min', schema.get('MinLength', 1))
        return 'x' * int(shortest)
    return {'json': {}, 'boolean': True}.get(kind, 'x,y')


def updated(template):
    """A template to update the stack with: it has one more resource."""
    for section, kind in (('resources', 'type'), ('Resources', 'Type')):
        if section in template:
            break
    else:
        section, kind = (('resources', 'type')
                         if 'heat_template_version' in template
                         else ('Resources', 'Type'))
    return dict(template, **{section: dict(
        template.get(section) or {}, **{ADDED: {kind: PLACEHOLDER}})})
