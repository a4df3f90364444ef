# SPDX-License-Identifier: Apache-2.0

"""A plug-in directory: resource types that record their calls."""
