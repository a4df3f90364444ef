# SPDX-License-Identifier: Apache-2.0

"""heat-manage's commands on real deployments."""
