# SPDX-License-Identifier: Apache-2.0

"""Converted stacks compared with native ones."""
