# SPDX-License-Identifier: Apache-2.0

"""Load the installed Heat, with this overlay in front of it."""

from heat import overlay_interrupt

overlay_interrupt.begin()

from heat import overlay  # noqa: E402

overlay.put_in_front()

if overlay.refusal() is not None:
    overlay_interrupt.over()
