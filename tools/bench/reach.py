# SPDX-License-Identifier: Apache-2.0

"""The way to the database, with or without a delay on it."""

import contextlib

import sqlalchemy

from tools.bench import proxy


@contextlib.contextmanager
def reach(url, added_ms):
    """Give the URL to use, and the counter of round trips if there is one.

    :param added_ms: milliseconds that each round trip takes longer; without
        any the database is reached directly
    """
    url = sqlalchemy.engine.make_url(url)
    if not added_ms:
        yield url, None
        return
    far = proxy.Proxy((url.host, url.port), added_ms / 1000)
    try:
        yield url.set(host='127.0.0.1', port=far.port), far.trips
    finally:
        far.stop()
