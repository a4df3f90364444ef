# SPDX-License-Identifier: Apache-2.0

"""The process of a revision: a Heat, whose work it measures.

``python -m tools.bench.worker MODULE HEAT.CONF [COUNTER]`` reads lines of
JSON, with calls of a function of the module. It answers each line with their
costs. The functions get a request context first.
"""

import contextlib
import gc
import importlib
import json
import resource
import sys
import time

from oslo_config import cfg
from oslo_log import log as logging
import sqlalchemy

from heat.common import context
from heat.common import messaging
from heat.db import api as db_api
from tools.bench import proxy
from tools import written_trees

# The query for the server task that serves a connection.
_TASKS = {
    'mysql': 'SELECT tid FROM information_schema.processlist '
             'WHERE id = connection_id()',
    'postgresql': 'SELECT pg_backend_pid()'}


def _configure(heat_conf):
    logging.register_options(cfg.CONF)
    cfg.CONF(['--config-file', heat_conf], project='heat',
             default_config_dirs=[])
    logging.setup(cfg.CONF, 'bench')
    messaging.setup('fake://')


def _context():
    """Make a new request context, which shares nothing with another."""
    return context.RequestContext.from_dict({
        'tenant_id': written_trees.TENANT, 'tenant': written_trees.TENANT,
        'username': 'bench', 'user_id': 'bench', 'password': 'bench',
        'roles': ['admin'], 'is_admin': False, 'auth_token': 'bench',
        'auth_url': 'http://127.0.0.1:5000/v3'})


def _server_tasks():
    """Begin to collect the tasks of the database server that work for us."""
    engine, tasks = db_api.get_engine(), set()
    ask = _TASKS.get(engine.dialect.name)

    def connected(connection, _record):
        with contextlib.closing(connection.cursor()) as cursor:
            cursor.execute(ask)
            tasks.add(cursor.fetchone()[0])

    if ask:
        sqlalchemy.event.listen(engine, 'connect', connected)
        engine.dispose()
    return tasks


def _cpu(tasks):
    """Processor time of this process, its children and its server tasks.

    It varies little on a busy machine. The server tasks of children are not
    known, nor are those on another machine.
    """
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + children.ru_utime + children.ru_stime
    for task in tasks:
        # A thread of a server has an entry there, too.
        with contextlib.suppress(OSError), open(
                '/proc/%d/schedstat' % task) as stat:
            total += int(stat.read().split()[0]) / 1e9
    return total


def _measure(now, function, calls, each):
    gc.collect()
    # As a started engine does (heat.common.migrate.memory).
    gc.freeze()
    more = {}
    before = now()
    for arguments in calls:
        for what, values in (function(_context(), *arguments) or {}).items():
            more.setdefault(what, []).extend(values)
    costs = [[None if then is None else (later - then) / each]
             for later, then in zip(now(), before)]
    return dict(zip(('commands', 'cpu_ms', 'ms'), costs), **more)


def main():
    module, heat_conf, *counter = sys.argv[1:]
    # Heat may write a log to it.
    answers, sys.stdout = sys.stdout, sys.stderr
    _configure(heat_conf)
    work, tasks = importlib.import_module(module), _server_tasks()
    commands = proxy.counter(*counter) if counter else [None]

    def now():
        return commands[0], _cpu(tasks) * 1000, time.perf_counter() * 1000

    for line in sys.stdin:
        name, calls, each = json.loads(line)
        print(json.dumps(_measure(now, getattr(work, name), calls, each)),
              file=answers, flush=True)


if __name__ == '__main__':
    main()
