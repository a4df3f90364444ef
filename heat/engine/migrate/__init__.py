# SPDX-License-Identifier: Apache-2.0

"""Compute conversions: rows in, values out, no SQL."""
