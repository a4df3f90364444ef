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

"""Hold real processes at a step that they are about to do, in PostgreSQL."""

import contextlib

import sqlalchemy

from heat.tests.functional.harness import processes

# Reading goes on, and so does who has no row to write.
_LOCK = 'LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE'

_WAITING = sqlalchemy.text(
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
    "AND datname = current_database()")


@contextlib.contextmanager
def held(database, model):
    """Let nobody write to a table while the block runs.

    :param database: a ``databases.Database`` of PostgreSQL
    :param model: a class of ``heat.db.models``
    """
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text(_LOCK % model.__tablename__))
        yield


def wait_for_waiting(database, count):
    """Wait until so many sessions wait for a lock."""
    def waiting():
        with database.engine.connect() as connection:
            return connection.scalar(_WAITING) >= count
    processes.wait_until(waiting, '%d sessions that wait' % count)
