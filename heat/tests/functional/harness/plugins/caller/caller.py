# SPDX-License-Identifier: Apache-2.0

"""A resource type that calls a service when it adds its dependencies."""

from heat.engine.resources.openstack.heat import random_string


class Caller(random_string.RandomString):
    """Needs valid credentials only for its dependencies."""

    def add_dependencies(self, deps):
        super().add_dependencies(deps)
        self.keystone().client.auth.projects()


def resource_mapping():
    return {'Test::Caller': Caller}
