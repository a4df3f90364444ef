# SPDX-License-Identifier: Apache-2.0

"""Heat's engine, with the modules of the overlay."""

from heat import overlay

overlay.extend(__name__)
