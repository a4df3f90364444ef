# SPDX-License-Identifier: Apache-2.0

"""Benchmark of the conversion of legacy stacks, beside Heat's own."""

import contextlib

# Before anything imports heat, as in every process that uses it. Older
# releases of Heat have only eventlet.
with contextlib.suppress(ImportError):
    from oslo_service import backend
    backend.init_backend(backend.BackendType.THREADING)
