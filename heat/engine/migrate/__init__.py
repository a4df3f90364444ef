# SPDX-License-Identifier: Apache-2.0

"""What a conversion is: rows in, values out, no SQL."""
