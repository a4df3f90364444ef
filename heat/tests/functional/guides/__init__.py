# SPDX-License-Identifier: Apache-2.0

"""Follow the guides as they are printed."""
