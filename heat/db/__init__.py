# SPDX-License-Identifier: Apache-2.0

"""Heat's database modules, and those of the overlay."""

from heat import overlay

overlay.extend(__name__)
