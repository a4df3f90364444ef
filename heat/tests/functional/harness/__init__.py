# SPDX-License-Identifier: Apache-2.0

"""What functional tests run on: servers, clients, databases."""
