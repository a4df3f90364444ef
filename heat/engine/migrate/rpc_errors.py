# SPDX-License-Identifier: Apache-2.0

"""Carry a refusal over RPC: as an exception of Heat's, and back.

A caller on a host without the overlay has no MigrationRefused. RPC would give
it a RemoteError with a traceback.
"""

import re

from heat.common import exception
from heat.common.migrate import exception as migrate_exception

# What ActionInProgress has in the place of an action for a locked stack.
_LOCKED_BY = 'by engine '

# The text of a refusal for which Heat has no exception.
_OTHER = '%s [%s]'
_READ_OTHER = re.compile(r'^(?P<text>.*) \[(?P<code>\w+)\]\s*', re.DOTALL)


def to_heats(refused):
    """Heat's own exception for a refusal, which any caller can receive."""
    stack = refused.kwargs.get('stack')
    if isinstance(refused, migrate_exception.StackNotFound):
        return exception.NotFound(str(refused).replace('%', '%%'))
    if isinstance(refused, migrate_exception.NestedStack):
        return exception.NotSupported(
            feature='Migration of nested stack %s (its root stack is %s)'
            % (stack, refused.kwargs['root']))
    if isinstance(refused, migrate_exception.InProgress):
        return exception.ActionNotComplete(
            stack_name=stack, action=refused.kwargs['action'])
    if isinstance(refused, migrate_exception.NotComplete):
        return exception.ActionNotComplete(
            stack_name=stack, action=refused.kwargs['state'])
    if isinstance(refused, migrate_exception.Locked):
        return exception.ActionInProgress(
            stack_name=stack,
            action=_LOCKED_BY + refused.kwargs.get('engine', '(unknown)'))
    return exception.Error(_OTHER % (refused, refused.code))


def from_heats(error):
    """The code and the text of a refusal; None for another exception.

    :param error: an exception that the RPC method of an engine, with or
        without the overlay, ended with
    """
    if isinstance(error, exception.NotFound):
        return migrate_exception.StackNotFound.code, error.message
    if isinstance(error, exception.NotSupported):
        return migrate_exception.NestedStack.code, error.message
    if isinstance(error, (exception.ActionInProgress,
                          exception.ActionNotComplete)):
        refused = _with_remedy(error)
        return refused.code, str(refused)
    match = _READ_OTHER.fullmatch(text_of(error))
    return match and (match['code'], match['text'])


def text_of(error):
    """The text of an exception, without the traceback of a RemoteError."""
    return str(getattr(error, 'value', None) or
               getattr(error, 'message', None) or error)


def _with_remedy(error):
    """The refusal with its remedy, which Heat's exception does not have."""
    stack, action = error.kwargs['stack_name'], error.kwargs['action']
    if isinstance(error, exception.ActionInProgress):
        if not action.startswith(_LOCKED_BY):
            # From an engine without the overlay: an operation, no engine.
            return migrate_exception.InProgress(stack=stack, action=action)
        return migrate_exception.Locked(stack=stack,
                                        engine=action[len(_LOCKED_BY):])
    if '_' in action:
        return migrate_exception.NotComplete(stack=stack, state=action)
    return migrate_exception.InProgress(stack=stack, action=action)
