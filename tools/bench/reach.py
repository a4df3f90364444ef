# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

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
    url = sqlalchemy.make_url(url)
    if not added_ms:
        yield url, None
        return
    far = proxy.Proxy((url.host, url.port), added_ms / 1000)
    try:
        yield url.set(host='127.0.0.1', port=far.port), far.trips
    finally:
        far.stop()
