# SPDX-License-Identifier: Apache-2.0

"""Databases, brokers, engines and commands that fail."""
