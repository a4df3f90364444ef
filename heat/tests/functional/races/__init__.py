# SPDX-License-Identifier: Apache-2.0

"""Engines, commands and users at once."""
