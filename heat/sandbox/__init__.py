# SPDX-License-Identifier: Apache-2.0

"""A whole Heat, API and engine, in one process on SQLite.

It has no authentication and needs neither Keystone nor a message broker: it
is for trying things out and for tests. ``heat-sandbox`` starts it.
"""
