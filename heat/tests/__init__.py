# SPDX-License-Identifier: Apache-2.0

from heat import overlay

# Threads or eventlet, as this release of Heat has it, before anything else.
from heat.cmd import engine  # noqa: F401

overlay.extend(__name__)
