# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.


"""The parameters of a stored stack: are they still valid, which to hide."""

import copy
import json

from heat.common import crypt
from heat.common import exception
from heat.common import migrate_exception
from heat.engine import constraints
from heat.engine import parameters

MASK = '******'


def check(stack, label):
    """Refuse a stack whose stored parameters its template does not allow.

    Heat itself asks this only of new parameters. What a custom constraint
    says is left out: it may ask a service, and what is gone there does not
    make a parameter wrong.

    :param stack: the loaded heat.engine.stack.Stack
    :param label: the stack in words
    :raises InvalidParameters: with the names, and never a value
    """
    invalid = []
    for name in stack.parameters.non_pseudo_param_keys:
        parameter = _without_custom_constraints(stack.parameters.params[name])
        try:
            parameter.validate(context=stack.context)
        except (exception.HeatException, ValueError, TypeError):
            invalid.append(name)
    if invalid:
        raise migrate_exception.InvalidParameters(
            stack=label, parameters=', '.join(sorted(invalid)))


def _without_custom_constraints(parameter):
    schema = copy.copy(parameter.schema)
    schema.constraints = [
        constraint for constraint in schema.constraints
        if not isinstance(constraint, constraints.CustomConstraint)]
    result = parameters.Parameter(parameter.name, schema,
                                  parameter.user_value)
    result.user_default = parameter.user_default
    return result


def hide(text, row):
    """Replace the values of hidden parameters in an error message.

    :param text: what Heat or a resource plug-in said
    :param row: the heat.db.stack_tree.StackRow of the stack
    """
    for value in sorted(set(_hidden_values(row)), key=len, reverse=True):
        text = text.replace(value, MASK)
    return text


def _hidden_values(row):
    environment = _as_dict(_parse(row.environment))
    given = _as_dict(environment.get('parameters'))
    defaults = _as_dict(environment.get('parameter_defaults'))
    template = _parse(row.template)
    schemata = _schemata(template)
    for name in set(given).union(defaults, schemata):
        # Nothing is known of a parameter when the template is damaged.
        schema = schemata.get(name, None if schemata else {'hidden': True})
        if not _is_hidden(schema):
            continue
        for value in (_decrypted(given.get(name)), defaults.get(name),
                      _as_dict(schema).get('default'),
                      _as_dict(schema).get('Default')):
            yield from _as_written(value)


def _parse(text):
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None


def _as_dict(value):
    return value if isinstance(value, dict) else {}


def _schemata(template):
    """The parameters of a HOT or CFN template."""
    template = _as_dict(template)
    return _as_dict(template.get('parameters', template.get('Parameters')))


def _is_hidden(schema):
    schema = _as_dict(schema)
    return 'true' in (str(schema.get('hidden')).lower(),
                      str(schema.get('NoEcho')).lower())


def _decrypted(value):
    """As heat.objects.raw_template.RawTemplate reads encrypted parameters."""
    if isinstance(value, list) and len(value) == 2:
        try:
            return crypt.decrypt(*value)
        except Exception:
            # Whatever is no ciphertext is the value itself.
            return value
    return value


def _as_written(value):
    """A value in the ways in which a message may contain it."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        yield json.dumps(value)
        for item in value:
            yield from _as_written(item)
    elif value not in (None, ''):
        text = str(value)
        yield text
        yield repr(text)[1:-1]
        yield json.dumps(text)[1:-1]
