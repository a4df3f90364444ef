# SPDX-License-Identifier: Apache-2.0

"""The types of things.py for heat-manage, which calls no handler.

It cannot load things.py, because heat.tests begins as an engine does.
"""

from heat.engine import properties
from heat.engine import resource


class Physical(resource.Resource):

    properties_schema = {
        name: properties.Schema(properties.Schema.STRING, default='',
                                update_allowed=name != 'immutable')
        for name in ('value', 'fail', 'immutable')}
    properties_schema['needs'] = properties.Schema(
        properties.Schema.LIST, default=[], update_allowed=True)


class Prepared(Physical):

    def prepare_for_replace(self):
        """Give something away."""


def resource_mapping():
    return {'Test::Physical': Physical, 'Test::PreparedPhysical': Prepared}
