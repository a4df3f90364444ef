# SPDX-License-Identifier: Apache-2.0

"""The SQL of conversions; migrations of the schema are Heat's own."""
