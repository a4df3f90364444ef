# SPDX-License-Identifier: Apache-2.0

"""Benchmark of the conversion of legacy stacks, beside Heat's own.

It is no test: it asserts nothing about time. ``python -m tools.bench --help``.
"""

try:
    from oslo_service import backend
except ImportError:
    # Older releases of Heat have only eventlet.
    pass
else:
    # Before anything imports heat, as in every process that uses it.
    backend.init_backend(backend.BackendType.THREADING)
