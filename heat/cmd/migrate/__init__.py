# SPDX-License-Identifier: Apache-2.0

"""The commands of heat-manage that convert stacks."""
