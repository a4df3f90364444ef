# SPDX-License-Identifier: Apache-2.0

"""Servers, clients and databases for functional tests."""
