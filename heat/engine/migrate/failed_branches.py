# SPDX-License-Identifier: Apache-2.0

"""Find what resources may use by the branches of an ``if``.

An update that fails stores its own conditions and parameter values. With
them Heat may choose the other branch than the one by which a resource that
the update did not reach was made.
"""

import json

_SECTIONS = ('resources', 'Resources')
_IFS = ('if', 'Fn::If')
_REFERENCES = ('get_resource', 'get_attr', 'Ref', 'Fn::GetAtt')


def of(row):
    """Return {resource name: set of the names in all branches}.

    :param row: a StackRow, with a template that can be parsed
    """
    if not any('"%s"' % name in row.template for name in _IFS):
        return {}
    template = json.loads(row.template)
    return {name: set(_in_definition(definition))
            for section in _SECTIONS
            for name, definition in (template.get(section) or {}).items()}


def _in_definition(definition):
    for branches in _values(definition, _IFS):
        for reference in _values(branches, _REFERENCES):
            yield from _first_argument(reference)
    for reference in _values(definition, _REFERENCES):
        for branches in _values(reference, _IFS):
            yield from _strings(branches)


def _first_argument(reference):
    """The name: after it comes that of an attribute."""
    return _strings(reference[:1] if isinstance(reference, list)
                    else reference)


def _values(snippet, keys):
    """The values of some keys in all maps, at any depth."""
    if isinstance(snippet, dict):
        yield from (snippet[key] for key in keys if key in snippet)
        snippet = snippet.values()
    elif not isinstance(snippet, list):
        return
    for part in snippet:
        yield from _values(part, keys)


def _strings(snippet):
    if isinstance(snippet, str):
        yield snippet
    elif isinstance(snippet, list):
        for part in snippet:
            yield from _strings(part)
