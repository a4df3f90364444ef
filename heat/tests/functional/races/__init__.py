# SPDX-License-Identifier: Apache-2.0

"""Races between engines, commands and users."""
