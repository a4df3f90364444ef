# SPDX-License-Identifier: Apache-2.0

"""A resource type that asks a service when it adds its dependencies."""

from heat.engine.resources.openstack.heat import random_string


class Caller(random_string.RandomString):
    """Needs credentials that work for nothing but its dependencies."""

    def add_dependencies(self, deps):
        super().add_dependencies(deps)
        self.keystone().client.auth.projects()


def resource_mapping():
    return {'Test::Caller': Caller}
