# SPDX-License-Identifier: Apache-2.0

"""Tests through the HTTP API, on deployments that they start."""
