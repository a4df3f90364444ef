# SPDX-License-Identifier: Apache-2.0

"""Verify and repair on MariaDB and PostgreSQL."""

from heat.tests.functional.harness import on_server
from heat.tests.migrate import test_verify

globals().update(on_server.on_servers(
    test_verify.HealthyTest, test_verify.FoundTest, test_verify.DamagedTest,
    test_verify.RefusedTest, test_verify.MixedTreeTest))
