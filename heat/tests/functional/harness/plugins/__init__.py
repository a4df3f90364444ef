# SPDX-License-Identifier: Apache-2.0

"""A plug-in directory: resource types that show what Heat asks of them."""
