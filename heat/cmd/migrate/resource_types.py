# SPDX-License-Identifier: Apache-2.0

"""Read which types a module of Heat's resources has, in its source.

Nearly all these modules end with a function that only returns a dictionary of
their types. In any other module, only its import can tell.
"""

import ast
import re

_FUNCTION = '\ndef resource_mapping():\n'
_STAR = re.compile(r'import[\s\\]*\*')
# Heat takes the name of a file for a template.
_TYPE = re.compile(r'[\w:]+')


def types_in(source):
    """Find the types that a module registers.

    :param source: its text, None if it has none
    :returns: their names, or None if only its import can tell
    :raises SyntaxError: when the end of the module cannot be parsed
    """
    # A decorator, or an import of all names, may replace the function.
    if source is None or '\n@' in source or _STAR.search(source):
        return None
    mentioned = (source.count('resource_mapping') +
                 source.count('constraint_mapping'))
    start = source.find(_FUNCTION)
    if not mentioned:
        return ()
    if mentioned > 1 or start < 0:
        return None
    # If more follows, the function may be part of a text.
    function, *after = ast.parse(source[start:]).body
    return None if after else _keys(function)


def _keys(function):
    """The keys of a dictionary, if the function does nothing but return it."""
    documentation = ast.get_docstring(function) is not None
    statement = function.body[-1]
    returned = getattr(statement, 'value', None)
    if (len(function.body) != 1 + documentation
            or not isinstance(statement, ast.Return)
            or not isinstance(returned, ast.Dict)
            or not all(isinstance(value, ast.Name)
                       for value in returned.values)):
        return None
    keys = [getattr(key, 'value', None) for key in returned.keys]
    return keys if all(isinstance(key, str) and _TYPE.fullmatch(key)
                       for key in keys) else None
