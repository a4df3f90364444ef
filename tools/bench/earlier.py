# SPDX-License-Identifier: Apache-2.0

"""An earlier revision of this project, beside which today's is measured.

It works in a process of its own, on the same database. Its package ``heat``
lies in a folder with this benchmark. The folder comes first in the path.
"""

import functools
import gc
import json
import os
import subprocess
import sys

from heat.common import identifier
from heat.engine import convergence_migrate
from heat.engine import service
from tools.bench import site
from tools import written_trees

#: The goals were set for this revision.
REVISION = '35db564'

_TREE = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))

_PAGE = 1000  # root stacks, as its command read them


def check_out(folder):
    """Write the code of the revision into a folder, with this benchmark."""
    archive = subprocess.run(['git', 'archive', REVISION, 'heat'], cwd=_TREE,
                             check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(['tar', '-x', '-C', folder], input=archive, check=True)
    os.symlink(os.path.join(_TREE, 'tools'), os.path.join(folder, 'tools'))


class Revision:
    """The process of the revision for one database; it ends with this one.

    :param folder: where :func:`check_out` has written
    """

    def __init__(self, folder, url, added_ms):
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, '-m', __name__, url, str(added_ms)], cwd=folder,
            env=dict(os.environ, PYTHONPATH=folder), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def work(self, *request):
        """A piece of work for Meter.in_turn.

        :param request: the name of a function below, and its arguments
        """
        return Work(self._process, request)


class Work:
    """A piece of work of the revision, which measures itself."""

    def __init__(self, process, request):
        self._process = process
        self._request = request

    def measure(self):
        """Returns what Meter.measure returns."""
        self._process.stdin.write(json.dumps(self._request) + '\n')
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


# What follows runs in that process, with the revision's package heat.

def convert(here, *stack_ids):
    """Convert stacks, one after the other."""
    for stack_id in stack_ids:
        convergence_migrate.convert(here.context(), stack_id)


@functools.lru_cache
def _engine():
    engine = service.EngineService('bench', 'bench')
    engine.engine_id = 'bench'
    return engine


def hook(here, stack_id, name, calls):
    """Do what the hook adds to an update call."""
    identity = dict(identifier.HeatIdentifier(
        written_trees.TENANT, name, stack_id))
    for _ in range(calls):
        _engine()._convert_before_update(here.context(), identity)


def pages(here):
    """Read all legacy root stacks."""
    from heat.db import migrate_census
    context, page = here.context(), [None]
    while page:
        page = migrate_census.get_page(context, _PAGE, page[-1])


def main():
    url, added_ms = sys.argv[1:]
    here = site.Site(url, float(added_ms))
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        gc.collect()
        # As the revision does before it works.
        gc.freeze()
        print(json.dumps(here.meter.measure(functools.partial(
            globals()[name], here, *arguments))), flush=True)


if __name__ == '__main__':
    main()
