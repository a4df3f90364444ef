# SPDX-License-Identifier: Apache-2.0

"""heat-manage's commands that convert stacks, one module a subject."""
