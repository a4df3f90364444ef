# SPDX-License-Identifier: Apache-2.0

"""A plug-in that makes every conversion in this engine fail."""

from unittest import mock

from heat.engine import convergence_migrate

convergence_migrate.convert = mock.Mock(
    side_effect=ZeroDivisionError('injected'))


def resource_mapping():
    return {}
