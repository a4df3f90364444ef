# SPDX-License-Identifier: Apache-2.0

"""Code that every part of the conversion uses."""
