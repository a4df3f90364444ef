# SPDX-License-Identifier: Apache-2.0

"""Refuse templates with functions that their version does not have.

A legacy update that fails stores the newer version in the template of the
stack and in that of the backup stack. Both can have definitions of the older
version. Heat then parses what the newer version has removed, such as Ref, as
a function without a value and without dependencies. Between HOT and CFN, it
does not even take the reference to a resource for a function.
"""

from heat.common.migrate import exception as migrate_exception
from heat.engine.hot import functions as hot_functions


# In a template that is not merged, another format may be just data.
_REFERENCES = ('get_resource', 'get_attr', 'Ref', 'Fn::GetAtt')


def check(stack, row, label, is_merged=False):
    """Check the definitions of the resources that a template enables.

    :param stack: Heat's Stack, with the template
    :param row: the StackRow that it was made from
    :param is_merged: whether it can have definitions of another format
    :raises RemovedFunction: when a definition uses such a function
    """
    template = stack.t
    # To search the text takes less time than to search the definitions.
    missing = {name for name, function in template.functions.items()
               if function is hot_functions.Removed}
    if is_merged:
        missing.update(set(_REFERENCES).difference(template.functions))
    missing = {name for name in missing if '"%s"' % name in row.template}
    if not missing:
        return
    stored = template.t.get(template.RESOURCES)
    for name in sorted(stack.defn.enabled_rsrc_names()):
        for function in _functions(stored[name]):
            if function in missing:
                raise migrate_exception.RemovedFunction(
                    stack=label, resource=name, function=function,
                    template=row.raw_template_id)


def _functions(snippet):
    """Yield what Heat may take for a function; see heat.engine.template."""
    if isinstance(snippet, dict):
        if len(snippet) == 1:
            yield from snippet
        snippet = snippet.values()
    elif not isinstance(snippet, list):
        return
    for part in snippet:
        yield from _functions(part)
