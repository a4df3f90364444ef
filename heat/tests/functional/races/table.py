# SPDX-License-Identifier: Apache-2.0

"""The table of races in the contributor guide; ``tox -e race`` writes it."""

import os

from heat.tests.functional.faults import table as fault_table
from heat.tests.functional.races import run as race_run

PATH = os.path.join(os.path.dirname(fault_table.PATH), 'races.csv')

ANSWERS = ('success', '409', race_run.REFUSED, race_run.GONE)

HEADER = ('Database', 'Stacks', 'Requests', 'Success', '409',
          'Not in this state', 'Deleted', 'Converted meanwhile', 'Lost')


def row(backend, race):
    """The row for a race in which no stack was lost."""
    counts = [sum(count for (_, answer), count in race.answers.items()
                  if answer == column) for column in ANSWERS]
    return (fault_table.NAMES[backend], len(race.stacks), sum(counts),
            *counts, len(race.converted), 0)
