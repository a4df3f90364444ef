# SPDX-License-Identifier: Apache-2.0

"""A whole Heat, API and engine, in one process on SQLite.

It has no authentication, and needs neither Keystone nor a message broker. It
is for trials and tests. ``heat-sandbox`` starts it.
"""
