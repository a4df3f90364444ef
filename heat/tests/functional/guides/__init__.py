# SPDX-License-Identifier: Apache-2.0

"""The guides, followed as printed."""
