# SPDX-License-Identifier: Apache-2.0

"""Heat's common modules, and those of the overlay."""

from heat import overlay

overlay.extend(__name__)
