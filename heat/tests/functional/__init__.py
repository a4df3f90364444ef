# SPDX-License-Identifier: Apache-2.0

"""Functional tests, on deployments that they start."""
