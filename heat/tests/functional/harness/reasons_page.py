# SPDX-License-Identifier: Apache-2.0

"""Run the SQL statements that the page of the reason codes prints."""

import re

from heat.tests import sources

PAGE = sources.CHECKOUT / 'doc/source/reference/reasons.rst'

#: SQLite's name of a function of MariaDB and MySQL.
_SQLITE = {'JSON_MERGE_PATCH': 'json_patch'}


def run(engine, word, *values, instead=None):
    """Run the one statement of the page that contains a word.

    :param values: what to put in the place of each "…"
    :param instead: {text of the statement: what to put in its place}
    :returns: how many rows it has changed
    """
    page = ' '.join(PAGE.read_text().split())
    statement, = (found for found in re.findall('``(UPDATE .*?)``', page)
                  if word in found)
    replaced = dict(instead or {})
    if engine.dialect.name == 'sqlite':
        replaced.update(_SQLITE)
    for name, other in replaced.items():
        statement = statement.replace(name, other)
    for value in values:
        statement = statement.replace('…', "'%s'" % value, 1)
    with engine.begin() as connection:
        return connection.exec_driver_sql(statement).rowcount
