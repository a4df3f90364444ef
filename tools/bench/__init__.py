# SPDX-License-Identifier: Apache-2.0

"""Benchmark of the conversion of legacy stacks, beside Heat's own.

Not a test: it asserts nothing on time. ``python -m tools.bench --help``.
"""

from oslo_service import backend

# Before anything imports heat, as in every process that uses it.
backend.init_backend(backend.BackendType.THREADING)
