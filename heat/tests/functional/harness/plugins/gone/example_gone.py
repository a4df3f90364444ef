# SPDX-License-Identifier: Apache-2.0

"""A resource type that an operator removes again."""

from heat.engine.resources.openstack.heat import random_string


def resource_mapping():
    return {'Example::Gone': random_string.RandomString}
