# SPDX-License-Identifier: Apache-2.0

"""A database to measure, and the revisions of this project at work on it."""

import contextlib
import functools
import json
import os
import pathlib
import subprocess
import sys
import types

import fixtures
import sqlalchemy

from heat.tests.functional.harness import configuration
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import processes
from tools.bench import proxy
from tools import written_trees


class Revision:
    """A revision at work in a process of its own (tools.bench.worker).

    :param tree: the folder with its package heat, and with this benchmark
    :param module: the module of tools.bench with the work that it can do
    :param files: a heat.conf, and a file of the proxy's counter if there is
        a proxy
    """

    def __init__(self, tree, module, *files):
        self.tree, self.heat_conf = tree, files[0]
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'tools.bench.worker',
             'tools.bench.' + module, *files],
            cwd=tree, env=dict(os.environ, PYTHONPATH=tree), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def measure(self, name, *calls, each=1):
        """Call a function of the module.

        :param calls: a list of arguments for each call
        :param each: divide the costs by it
        :returns: {'commands', 'cpu_ms', 'ms'}, each a list, and what the
            function returns
        """
        print(json.dumps([name, calls, each]), file=self._process.stdin,
              flush=True)
        return json.loads(self._process.stdout.readline())

    def contestant(self, *args, **kwargs):
        """The same later, and more than once."""
        return functools.partial(self.measure, *args, **kwargs)

    def close(self):
        self._process.communicate()


@contextlib.contextmanager
def create(backend, added_ms, older):
    """Create a database, for two revisions.

    :param added_ms: milliseconds that each command to a server takes longer
    :param older: the folder of the earlier revision
    :yields: the Revisions ``now`` and ``before``, and a ``writer`` of stacks
    """
    with databases.Database(backend) as database, (
            fixtures.TempDir()) as folder:
        url, counter = sqlalchemy.engine.make_url(database.url), []
        if url.port:
            counter = [folder.join('commands')]
            pathlib.Path(*counter).write_bytes(bytes(8))
            url = url.set(host='127.0.0.1', port=proxy.start(
                (url.host, url.port), added_ms / 1000, *counter))
        heat_conf = configuration.create(folder.path, {
            'transport_url': 'fake://', 'migrate_on_update': True,
            'default_log_levels': 'heat=CRITICAL,oslo_config=ERROR',
            'max_resources_per_stack': -1,
            'database': {
                'connection': url.render_as_string(hide_password=False),
                'sqlite_synchronous': True}})
        with contextlib.closing(Revision(
                processes.TREE, 'today', heat_conf, *counter)) as now, (
                    contextlib.closing(Revision(
                        older, 'earlier', heat_conf, *counter))) as before:
            credentials, = now.measure('store_credentials', [])['id']
            yield types.SimpleNamespace(
                now=now, before=before, writer=written_trees.Writer(
                    database.engine, credentials))
