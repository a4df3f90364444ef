# SPDX-License-Identifier: Apache-2.0

"""Draw random stacks, their failures, and the operations after these."""

import dataclasses
import json
import typing

from heat.tests.functional.harness.plugins import things

NAMES = 'abcde'
NESTED = 'inner.yaml'
INNER = 'xy'  # names of the resources of a nested stack
HANDLERS = ('create', 'update', 'update', 'delete')  # of an update
WRITES = 80  # about as many as an update of so many resources takes

FILES = {NESTED: json.dumps({
    'heat_template_version': '2018-08-31',
    'parameters': {'value': {'type': 'string'},
                   'immutable': {'type': 'string'}},
    'resources': {
        'x': {'type': things.TYPE, 'properties': {
            'value': {'get_param': 'value'},
            'immutable': {'get_param': 'immutable'}}},
        'y': {'type': things.TYPE, 'properties': {
            'needs': [{'get_resource': 'x'}]}}}})}

FAIL, CANCEL, ROLL_BACK, KILL = (
    'fail', 'cancel', 'cancel with rollback', 'kill')
CANCELS = (CANCEL, ROLL_BACK)
UPDATES = ('update', 'update with rollback')
#: An update is drawn more often than others, because it has more rules.
BROKEN = UPDATES * 3 + ('create', 'check', 'suspend', 'snapshot', 'delete')

#: The operations after the conversion; the last ones are always 'target' and
#: 'delete'.
OPERATIONS = ('target', 'old', 'patch', 'third', 'check',
              'suspend and resume')


class Node(typing.NamedTuple):
    """A resource of a template."""

    kind: str
    value: str
    immutable: str
    needs: tuple
    by_parameter: bool


class Template(typing.NamedTuple):
    """Nodes by name; ``value`` is the value of the parameter."""

    nodes: dict
    cfn: bool
    value: str

    @property
    def parameters(self):
        return {'value': self.value}

    def render(self):
        return (_cfn if self.cfn else _hot)(self.nodes)


class Break(typing.NamedTuple):
    """An operation, and the fault that interrupts it.

    :ivar pairs: (resource name, handler) pairs that fail
    :ivar number: chooses the resource at which it is cancelled
    :ivar moment: the write to the database at which the engine dies
    """

    operation: str
    how: str
    pairs: tuple
    number: int
    moment: int


@dataclasses.dataclass
class Example:
    old: Template
    new: Template
    breaks: list
    operations: list

    @property
    def deleted(self):
        return self.breaks[-1].operation == 'delete'

    def reads_changed_value(self, name):
        """Whether only a parameter or mapping that a resource reads changes.

        Its definition does not change then.
        """
        old, new = (template.nodes.get(name)
                    for template in (self.old, self.new))
        return (None not in (old, new) and (old.kind, old.needs) == (
            new.kind, new.needs) and (
                old.by_parameter and new.by_parameter or
                self.new.cfn and old != new and
                old.by_parameter == new.by_parameter))

    def used_by(self, paths):
        """Paths of what the resources of the root stack with paths use."""
        return {(other,) for path in paths for template in (self.old, self.new)
                if path[0] in template.nodes
                for other in template.nodes[path[0]].needs}

    @property
    def completes_the_missing(self):
        """Whether Heat makes a row COMPLETE whose resource was never created.

        A suspend does, and so does a check: see test_failed_never_created.
        """
        return not {'check', 'suspend and resume'}.isdisjoint(self.operations)

    @property
    def forgets(self):
        """Whether the legacy engine may have forgotten a failed update.

        Its template is gone, or its rows are COMPLETE again.
        """
        first = self.breaks[0]
        return (len(self.breaks) > 1 or first.how == ROLL_BACK or
                first.operation == 'update with rollback')


def _hot(nodes):
    resources = {}
    for name, node in nodes.items():
        value = ({'get_param': 'value'} if node.by_parameter
                 else node.value)
        resources[name] = found = {'type': node.kind, 'properties': {
            'value': value, 'immutable': node.immutable}}
        if node.kind == NESTED:
            found['depends_on'] = list(node.needs)
        else:
            found['properties']['needs'] = [
                {'get_resource': other} for other in node.needs]
    return {'heat_template_version': '2018-08-31',
            'parameters': {'value': {'type': 'string'}},
            'resources': resources}


def _cfn(nodes):
    """The same with mappings, which Heat does not merge after a failure."""
    resources = {}
    for name, node in nodes.items():
        value, immutable = ({'Fn::FindInMap': ['Of', name, key]}
                            for key in ('value', 'immutable'))
        if node.by_parameter:
            value = {'Ref': 'value'}
        resources[name] = found = {'Type': node.kind, 'Properties': {
            'value': value, 'immutable': immutable}}
        if node.kind == NESTED:
            found['DependsOn'] = list(node.needs)
        else:
            found['Properties']['needs'] = [{'Ref': other}
                                            for other in node.needs]
    return {'AWSTemplateFormatVersion': '2010-09-09',
            'Parameters': {'value': {'Type': 'String'}},
            'Mappings': {'Of': {name: {
                'value': node.value, 'immutable': node.immutable}
                for name, node in nodes.items()}},
            'Resources': resources}


def third(template):
    """A template in which everything is updated."""
    return template._replace(value='3', nodes={
        name: node._replace(value='3')
        for name, node in template.nodes.items()})


def _templates(random):
    """An old template and a new one."""
    old, new = {}, {}
    cfn = random.choice((True, False))
    for number, name in enumerate(NAMES):
        needs = {other for other in NAMES[:number] if random.random() < 0.5}
        how = random.choice(
            ('keep', 'value', 'immutable', 'parameter', 'add', 'remove'))
        kind = random.choice(
            (things.TYPE, things.TYPE, things.PREPARED, NESTED))
        if how != 'add':
            old[name] = Node(kind, '1', 'x', tuple(sorted(
                needs & old.keys())), how == 'parameter')
        if how != 'remove':
            new[name] = Node(kind, '2' if how == 'value' else '1',
                             'y' if how == 'immutable' else 'x',
                             tuple(sorted(needs & new.keys())),
                             how == 'parameter')
    lone = {'a': Node(things.TYPE, '1', 'x', (), False)}
    return Template(old or lone, cfn, '1'), Template(new or lone, cfn, '2')


def _break(random, operations):
    operation = random.choice(operations)
    hows = [FAIL, KILL]
    if operation in UPDATES:
        hows += [CANCEL, ROLL_BACK]
    elif operation == 'create':
        hows.append(CANCEL)
    handlers = HANDLERS if operation in UPDATES else (operation,)
    return Break(
        operation, random.choice(hows),
        tuple((random.choice(NAMES + INNER), random.choice(handlers))
              for _ in range(random.randint(2, 4))),
        random.randrange(len(NAMES)), random.randint(1, WRITES))


def draw(random):
    """Draw an :class:`Example` from a random.Random."""
    breaks = [_break(random, BROKEN)]
    if random.choice((True, False)) and breaks[0].operation in (
            UPDATES + ('create', 'check')):
        breaks.append(_break(random, UPDATES + ('delete',)))
    return Example(*_templates(random), breaks, [
        random.choice(OPERATIONS) for _ in range(random.randint(0, 3))])
