# SPDX-License-Identifier: Apache-2.0

"""Random templates, and random changes of them, for the differential test.

A :class:`Template` is drawn by hypothesis, can be changed by the operations
of heat.tests.functional.lockstep.operations and is rendered as HOT or CFN.
"""

import dataclasses
import json

from hypothesis import strategies

from heat.tests.functional.harness.plugins import lockstep

DEPTH = 4  # levels of nested stacks below the root stack
SIZE = 6  # resources of a root stack
NESTED_SIZE = 2  # resources of a nested stack

RECORDER, VALUE, GROUP, SCALED, NESTED = (
    'recorder', 'value', 'group', 'scaled', 'nested')
GROUPS = (GROUP, SCALED)
FLAT = (RECORDER, RECORDER, RECORDER, VALUE, GROUP, SCALED)

DEPENDS_ON, ATTRIBUTE, REFERENCE, REPLACE = (
    'depends_on', 'get_attr', 'get_resource', 'str_replace')
LINKS = (DEPENDS_ON, ATTRIBUTE, REFERENCE, REPLACE)

#: The attribute that other resources read, by kind.
COPIES = {RECORDER: 'copy', VALUE: 'value', GROUP: 'copy', SCALED: 'copy',
          NESTED: 'out'}


@dataclasses.dataclass
class Node:
    """A resource; ``links`` are {name of a required resource: how}."""

    kind: str
    value: str = 'a'
    links: dict = dataclasses.field(default_factory=dict)
    conditional: bool = False
    count: int = 1
    immutable: str = 'x'
    fail: str = ''
    child: 'Template' = None  # of a nested stack, or of each group member

    @property
    def attribute(self):
        """Its attribute that other resources read."""
        return COPIES[NESTED if self.child else self.kind]

    def levels_below(self):
        """How many levels of stacks it adds; a group is a stack itself."""
        return (self.kind in GROUPS) + (
            self.child.levels() if self.child else 0)

    @property
    def has_recorders(self):
        """Whether it stands for resources with ``immutable`` and ``fail``."""
        return self.kind in (RECORDER, *GROUPS) and not self.child


@dataclasses.dataclass
class Template:
    """The resources of a stack by name, each after its dependencies."""

    nodes: dict
    cfn: bool = False
    flag: bool = True  # whether conditional resources exist

    def levels(self):
        """How many levels of stacks there are."""
        return 1 + max(node.levels_below() for node in self.nodes.values())

    def render(self):
        """Make the arguments of a create or an update.

        :returns: the template as an object, and the files of nested ones.
        """
        files = {}
        return _render(self, '', files), files


@strategies.composite
def templates(draw, depth=DEPTH, size=SIZE):
    """Draw chains, diamonds, fans and mixed graphs."""
    template = Template({}, cfn=draw(strategies.booleans()),
                        flag=draw(strategies.booleans()))
    for number in range(draw(strategies.integers(1, size))):
        template.nodes['r%d' % number] = draw(
            nodes(list(template.nodes), depth))
    return template


@strategies.composite
def nodes(draw, others, depth=0):
    """Draw a resource that may depend on some of the others."""
    kinds = FLAT + ((NESTED,) if depth else ())
    node = Node(draw(strategies.sampled_from(kinds)),
                value=draw(strategies.sampled_from('abc')),
                conditional=draw(strategies.integers(0, 4)) == 4)
    if others:
        node.links = draw(strategies.dictionaries(
            strategies.sampled_from(others),
            strategies.sampled_from(LINKS), max_size=3))
    if node.kind in GROUPS:
        node.count = draw(strategies.integers(0, 3))
        if depth > 1 and draw(strategies.integers(0, 2)) == 2:
            node.child = draw(templates(depth - 2, NESTED_SIZE))
    if node.kind == NESTED:
        node.child = draw(templates(depth - 1, NESTED_SIZE))
    return node


def _render(template, path, files):
    form = CFN(template) if template.cfn else HOT(template)
    resources = {name: form.resource(node, _definition(
        form, node, '%s%s' % (path, name), files))
        for name, node in template.nodes.items()}
    outputs = {name: form.output(form.optional(name, ATTRIBUTE))
               for name in template.nodes
               if form.expression(name, ATTRIBUTE) is not None}
    if path:
        outputs['out'] = form.output(form.join(
            [form.optional(name, ATTRIBUTE) for name in sorted(outputs)]))
    return form.document(resources, outputs)


def _definition(form, node, path, files):
    """The type and the properties of a resource."""
    value = form.join([node.value] + [
        form.optional(name, how) for name, how in node.links.items()
        if form.expression(name, how) is not None])
    if node.kind == VALUE:
        return 'OS::Heat::Value', {'value': value}
    if node.child:
        kind = path + '.yaml'
        files[kind] = _text(_render(node.child, path + '-', files))
        properties = {'value': value}
    else:
        kind = lockstep.TYPE
        properties = {'value': value, 'immutable': node.immutable,
                      'fail': node.fail}
    if node.kind in (RECORDER, NESTED):
        return kind, properties
    member = {'type': kind, 'properties': properties}
    if node.kind == GROUP:
        return 'OS::Heat::ResourceGroup', {'count': node.count,
                                           'resource_def': member}
    return 'OS::Heat::AutoScalingGroup', {
        'min_size': 0, 'desired_capacity': node.count, 'max_size': 9,
        'resource': member}


def _text(document):
    # JSON is YAML, and does not change the strings.
    return json.dumps(document)


class HOT:
    """Writes a Template in heat_template_version 2018-08-31."""

    def __init__(self, template):
        self.template = template

    def expression(self, name, how):
        """A reference to a resource; None if it is not in the properties."""
        kind = self.template.nodes[name].kind
        attribute = self.template.nodes[name].attribute
        if how == DEPENDS_ON:
            return None
        if kind == RECORDER and how == REFERENCE:
            return {'get_resource': name}
        if kind == RECORDER and how == REPLACE:
            return {'str_replace': {'template': 'with $it',
                                    'params': {'$it': {
                                        'get_resource': name}}}}
        if kind == SCALED:
            return self.join({'get_attr': [name, 'outputs_list', attribute]})
        copy = {'get_attr': [name, attribute]}
        return self.join(copy) if kind == GROUP else copy

    def optional(self, name, how):
        """A reference that is valid also if the resource is disabled."""
        expression = self.expression(name, how)
        if self.template.nodes[name].conditional:
            return {'if': ['is_on', expression, 'off']}
        return expression

    def join(self, parts):
        return {'list_join': ['-', parts]}

    def output(self, value):
        return {'value': value}

    def resource(self, node, definition):
        result = {'type': definition[0], 'properties': definition[1],
                  'depends_on': self.depends_on(node)}
        if node.conditional:
            result['condition'] = 'is_on'
        return result

    def depends_on(self, node):
        return sorted(name for name, how in node.links.items()
                      if self.expression(name, how) is None)

    def document(self, resources, outputs):
        return {
            'heat_template_version': '2018-08-31',
            'parameters': {'value': {'type': 'string', 'default': ''},
                           'flag': {'type': 'string',
                                    'default': str(self.template.flag)}},
            'conditions': {'is_on': {'equals': [{'get_param': 'flag'},
                                                'True']}},
            'resources': resources, 'outputs': outputs}


class CFN(HOT):
    """Writes a Template in the format of CloudFormation."""

    def expression(self, name, how):
        kind = self.template.nodes[name].kind
        if how == DEPENDS_ON or kind == SCALED:
            return None
        if kind == RECORDER and how == REFERENCE:
            return {'Ref': name}
        if kind == RECORDER and how == REPLACE:
            return {'Fn::Replace': [{'$it': {'Ref': name}}, 'with $it']}
        copy = {'Fn::GetAtt': [name, self.template.nodes[name].attribute]}
        return self.join(copy) if kind == GROUP else copy

    def optional(self, name, how):
        expression = self.expression(name, how)
        if self.template.nodes[name].conditional:
            return {'Fn::If': ['IsOn', expression, 'off']}
        return expression

    def join(self, parts):
        return {'Fn::Join': ['-', parts]}

    def output(self, value):
        return {'Value': value}

    def resource(self, node, definition):
        result = {'Type': definition[0], 'Properties': definition[1],
                  'DependsOn': self.depends_on(node)}
        if node.conditional:
            result['Condition'] = 'IsOn'
        return result

    def document(self, resources, outputs):
        return {
            'AWSTemplateFormatVersion': '2010-09-09',
            'Parameters': {'value': {'Type': 'String', 'Default': ''},
                           'flag': {'Type': 'String',
                                    'Default': str(self.template.flag)}},
            'Conditions': {'IsOn': {'Fn::Equals': [{'Ref': 'flag'},
                                                   'True']}},
            'Resources': resources, 'Outputs': outputs}
