# SPDX-License-Identifier: Apache-2.0

"""Check the parameters of a stored stack, and hide their values."""

import copy
import json
import re

from heat.common import crypt
from heat.common import environment_format as env_fmt
from heat.common import exception
from heat.common.migrate import exception as migrate_exception
from heat.engine import constraints
from heat.engine import parameters

MASK = '******'

# A shorter value may by chance be a part of another word.
TELLING_LENGTH = 8

# How many characters of a message are shown.
LENGTH = 2000

# Characters that repr and JSON escape.
_WRITTEN_OTHERWISE = re.compile(r'[^ -~]|[\'"\\]')


def check(stack, label):
    """Refuse a stack whose stored parameters its template does not allow.

    Heat itself checks only new parameters. Custom constraints are left out:
    they may ask a service, and a parameter stays valid if something is gone
    there.

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
    """Replace the values of parameters in an error message.

    Values of hidden parameters are replaced everywhere. A short value of
    another parameter (such as "a" or "1") is replaced only if it stands alone.

    :param text: what Heat or a resource plug-in said
    :param row: the heat.db.migrate.rows.StackRow of the stack
    :returns: the text, cut to LENGTH characters
    """
    patterns = {}
    for value, hidden in _values(row):
        # A stack may have 100,000 values, and a message has only a few of
        # them.
        if text.find(value, 0, LENGTH + len(value)) < 0:
            continue
        pattern = re.escape(value)
        if not hidden and len(value) < TELLING_LENGTH:
            pattern = r'(?<!\w)%s(?!\w)' % pattern
        patterns[pattern] = len(value)
    # All at once: nothing must be searched in replaced text.
    longest_first = sorted(patterns, key=patterns.get, reverse=True)
    return _replace('|'.join(longest_first), text,
                    LENGTH + max(patterns.values(), default=0) + 1)


def _replace(pattern, text, end):
    """Mask what the pattern finds, and cut the text off after LENGTH.

    :param end: no shown match begins after it
    """
    shown, position = [], 0
    for found in re.finditer(pattern, text[:end]) if pattern else ():
        if found.start() >= LENGTH:
            break
        shown += text[position:found.start()], MASK
        position = found.end()
    if len(text) <= LENGTH:
        return ''.join(shown) + text[position:]
    return ''.join(shown) + text[position:LENGTH] + ' [...]'


def _values(row):
    """All values that the parameters of a stack have or may have had.

    :returns: pairs of a value as a message may contain it, and whether its
        parameter is hidden
    """
    environment = _as_dict(_parse(row.environment))
    given = _as_dict(environment.get('parameters'))
    defaults = _as_dict(environment.get('parameter_defaults'))
    template = _parse(row.template)
    schemata = _schemata(template)
    for name in set(given).union(defaults, schemata):
        # Nothing is known of a parameter when the template is damaged.
        schema = schemata.get(name, None if schemata else {'hidden': True})
        hidden = _is_hidden(schema)
        for value in (_decrypted(given.get(name)), defaults.get(name),
                      _as_dict(schema).get('default'),
                      _as_dict(schema).get('Default')):
            for text in _as_written(value):
                yield text, hidden


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


def decrypt(environment):
    """A stored environment without its encryption, to be compared.

    :param environment: the text
    :returns: what it says; the text itself if it cannot be parsed
    """
    parsed = _parse(environment)
    if not isinstance(parsed, dict):
        return environment
    names = parsed.pop(env_fmt.ENCRYPTED_PARAM_NAMES, None) or ()
    return dict(parsed, **{env_fmt.PARAMETERS: {
        name: _decrypted(value) if name in names else value for name, value in
        _as_dict(parsed.get(env_fmt.PARAMETERS)).items()}})


def _decrypted(value):
    """As heat.objects.raw_template.RawTemplate reads encrypted parameters."""
    if isinstance(value, list) and len(value) == 2:
        try:
            return crypt.decrypt(*value)
        except Exception:
            # A value that is no ciphertext is plain text.
            return value
    return value


def _as_written(value):
    """A value in the ways in which a message may contain it or its parts."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif value not in (None, ''):
            text = str(value)
            yield text
            if _WRITTEN_OTHERWISE.search(text):
                yield repr(text)[1:-1]
                yield json.dumps(text)[1:-1]
            waiting.extend(_parts(text))


def _parts(text):
    """The members of a parameter that holds a list or JSON as text."""
    if text.lstrip()[:1] in ('[', '{'):
        parsed = _parse(text)
        if isinstance(parsed, (dict, list)):
            return [parsed]
    return [item.strip() for item in text.split(',')] if ',' in text else []
