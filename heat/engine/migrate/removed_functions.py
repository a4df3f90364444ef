# SPDX-License-Identifier: Apache-2.0

"""Refuse templates with references that their version does not have.

A legacy update or rollback that fails stores the version of one template in
the merged template of the stack and in that of the backup stack. Both can have
definitions of another version or format. What Heat then takes for data, or for
a function that the version has removed, has no dependencies.
"""

from heat.common.migrate import exception as migrate_exception
from heat.engine.hot import functions as hot_functions

# The functions that refer to a resource. Dependencies in the arguments of any
# other removed function are found.
_REFERENCES = ('get_resource', 'get_attr', 'Ref', 'Fn::GetAtt')


def check(stack, row, label):
    """Check the definitions of the resources that a template enables.

    Heat has validated a template that was never merged. There, the name of a
    reference of another format is data.

    :param stack: Heat's Stack, with the template
    :param row: the StackRow that it was made from
    :raises RemovedFunction: when a definition uses such a reference
    """
    if row.prev_raw_template_id in (None, row.raw_template_id):
        return
    template = stack.t
    # To search the text takes less time than to search the definitions.
    missing = {name for name in _REFERENCES
               if template.functions.get(name, hot_functions.Removed) is
               hot_functions.Removed and '"%s"' % name in row.template}
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
