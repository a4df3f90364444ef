# SPDX-License-Identifier: Apache-2.0

"""Stacks that are refused, and the remedy of each reason."""
