# SPDX-License-Identifier: Apache-2.0

"""Compute the requirements of equal stacks of a tree only once.

The members of a group often have the same template, parameters and files.
Their resources then require each other in the same way. An exception is a
template that reads the name or id of its stack, or the stack above.
"""

# Template functions that read the stack above.
_FACADES = ('resource_facade', 'Fn::ResourceFacade')


class _Parameters(dict):
    """The parameters of a stack, with the names of those that were read."""

    def __init__(self, parameters):
        super().__init__(parameters)
        self.read = set()

    def __getitem__(self, name):
        self.read.add(name)
        return super().__getitem__(name)

    def _all(name):
        def called(self, *args):
            self.read.update(self)
            return getattr(dict, name)(self, *args)
        return called

    get, items, values, copy = map(_all, ('get', 'items', 'values', 'copy'))


class Requirements:
    """The requirements of the stacks of one tree."""

    def __init__(self):
        self._known = {}

    def get(self, row, *more):
        """The requirements of a stack that equals a StackRow, or None.

        :param more: other values that they depend on
        """
        known = self._known.get(_key(row, more))
        # A copy, which the caller may change.
        return known and {name: set(names) for name, names in known.items()}

    def watch(self, stack):
        """Record which parameters of a Stack are read from now on."""
        parameters = stack.parameters
        parameters.params = _Parameters(parameters.params)

    def keep(self, stack, row, required, *more):
        """Keep the requirements of a Stack, if equal stacks have the same.

        :param stack: a Stack that is watched
        """
        parameters = stack.parameters
        if parameters.params.read.issubset(parameters.non_pseudo_param_keys):
            if not any(name in row.template for name in _FACADES):
                self._known[_key(row, more)] = {
                    name: frozenset(names)
                    for name, names in required.items()}


def _key(row, more):
    return (row.template, row.environment, row.files, row.files_id, *more)
