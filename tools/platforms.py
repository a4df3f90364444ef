# SPDX-License-Identifier: Apache-2.0

"""Write the table of tested platforms for the documentation.

A test run writes its own row, with the installed versions:

./run_tests.sh --record STEP...     the pairs, and all tests on this Python
tox -e debian                       Debian's own packages
"""

import csv
import pathlib
import subprocess
import typing

import pairs

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
TABLE = CHECKOUT / 'doc' / 'source' / 'operator' / 'platforms.csv'


class Row(typing.NamedTuple):
    """One line of the table.

    :ivar ships: who has this Heat on this Python.
    :ivar tests: which tests were run, and how they are run.
    :ivar result: how many passed and failed.
    """

    heat: str
    python: str
    sqlalchemy: str
    ships: str
    tests: str
    result: str


_HEAD = Row('Heat', 'Python', 'SQLAlchemy', 'Shipped by', 'Tests', 'Result')

#: The newest Heat on the Python of .venv runs every test.
_ALL = Row('', '', '', '', 'CI: all', '')

#: A program that prints the versions of Heat, Python and SQLAlchemy.
PROBE = """\
import sys
from importlib import metadata
for version in (metadata.version('openstack-heat'),
                '%d.%d' % sys.version_info[:2],
                metadata.version('SQLAlchemy')):
    print(version)
"""


def installed(python):
    """Ask an interpreter for the versions of Heat, Python and SQLAlchemy."""
    return subprocess.run([python, '-c', PROBE], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.split()


def how(pair):
    """Return which tests of a pair are run, and how."""
    return '%s: %s' % ('CI' if pair.often else '``tox -e matrix``',
                       pair.tests)


def record_pair(pair, count):
    """Write the row of a pair that has run.

    :param count: a stestr_run.Count.
    """
    python = pairs.place(pair) / 'bin' / 'python'
    record(Row(*installed(python), pair.ships, how(pair), _text(count)))


def record_all(python, count):
    """Write the row of the Python that has run all steps."""
    record(_ALL._replace(**dict(zip(Row._fields, installed(python))),
                         result=_text(count)))


def _text(count):
    return '%d passed, %d failed' % (count.passed, len(count.failed))


def read(path=TABLE):
    """Return the rows of the table."""
    with open(path, newline='') as table:
        return [Row(*cells) for cells in csv.reader(table)][1:]


def record(row, path=TABLE):
    """Replace the row of the same Heat, Python and tests."""
    rows = {_key(other): other for other in read(path)}
    rows[_key(row)] = row
    with open(path, 'w', newline='') as table:
        csv.writer(table, lineterminator='\n').writerows(
            [_HEAD, *sorted(rows.values(), key=_key)])


def _key(row):
    major = row.heat.partition('.')[0]
    return int(major), tuple(map(int, row.python.split('.'))), row.tests
