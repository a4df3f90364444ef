# SPDX-License-Identifier: Apache-2.0

"""Conversions in processes that can be killed at any statement.

Run as a module, this is a process with Heat loaded and without a connection to
a database. It reads lines of JSON, and forks a child for each. The child runs
heat-manage, or the update of an engine, with a switch at one moment (see
heat.tests.functional.faults.points). Then the process writes a line with the
end of the child.
"""

import gc
import json
import multiprocessing
import os
import subprocess
import sys
import traceback
import typing

import fixtures
from oslo_config import cfg
from oslo_log import log as logging

from heat.cmd import manage
from heat.cmd.migrate import acting
from heat.cmd.migrate import broker
from heat.cmd.migrate import commands  # noqa: F401  the children share it
from heat.common import context as heat_context
from heat.common import messaging
from heat.db import api as db_api
from heat.engine import convergence_migrate
from heat.engine import resources
from heat.engine import service
from heat.tests.functional.faults import errors as fault_errors
from heat.tests.functional.faults import points as fault_points
from heat.tests.functional.faults import table as fault_table
from heat.tests.functional.harness import configuration
from heat.tests.functional.harness import processes
from heat.tests import utils

#: The possible work of a child.
KILL = 'kill'

#: How often Heat begins a failed transaction again.
RETRIES = 3


class Ended(typing.NamedTuple):
    """How a child ended.

    :ivar exitcode: -9 when it was killed, else its exit status
    :ivar moments: words for the moments that it passed
    :ivar output: what it printed
    """

    exitcode: int
    moments: list
    output: str


class Runner(fixtures.Fixture):
    """The process that forks the children.

    :param database: a ``databases.Database`` with the stack
    :param identity: of the stack that they convert
    :param failed: whether they also convert it if it is not COMPLETE
    """

    def __init__(self, database, identity, failed=False):
        super().__init__()
        self._database = database
        self._identity = identity
        self._failed = failed

    def _setUp(self):
        self.folder = self.useFixture(fixtures.TempDir()).path
        conf = configuration.create(self.folder, {
            'auth_encryption_key': cfg.CONF.auth_encryption_key,
            'convergence_engine': True,
            'migrate_on_update': True,
            'migrate_on_update_failed': self._failed,
            'transport_url': 'fake://',
            'log_file': os.path.join(self.folder, 'heat.log'),
            'database': {'connection': self._database.url,
                         'db_max_retries': RETRIES, 'db_retry_interval': 0}})
        self._popen = subprocess.Popen(
            [sys.executable, '-m', __name__, self._database.backend, conf,
             self._identity['stack_id']],
            env=processes.environment(), cwd=self.folder, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self._stop)

    def _stop(self):
        self._popen.stdin.close()
        self._popen.stdout.close()
        self._popen.wait()

    def run(self, what, at=None, fault=KILL, always=False):
        """Run one conversion in a child.

        :param what: fault_table.COMMAND or UPDATE
        :param at: the number of the moment of the fault, None for no fault
        :param fault: KILL, or a name of fault_errors.FAULTS
        :param always: repeat the fault at each equal statement
        """
        self._popen.stdin.write(json.dumps(
            [what, self._identity, at, fault, always]) + '\n')
        self._popen.stdin.flush()
        return Ended(*json.loads(self._popen.stdout.readline()))

    def log(self):
        """What the children have logged."""
        with open(os.path.join(self.folder, 'heat.log')) as log:
            return log.read()


def _serve(database, conf, stack_id):
    """Fork a child for each line of the standard input."""
    cfg.CONF(['--config-file', conf], project='heat', prog='heat-manage')
    resources.initialise()
    # The children share imported modules and statements that SQLAlchemy has
    # compiled. They must not share a connection.
    failed = cfg.CONF.migrate_on_update_failed
    convergence_migrate.plan(heat_context.get_admin_context(), stack_id,
                             failed=failed)
    sys.argv = ['heat-manage', '--config-file', conf, 'migrate-convergence-1',
                '--format', 'json', *(['--failed'] if failed else []),
                stack_id]
    broker.can_notify()
    db_api.get_engine().dispose()
    cfg.CONF.clear()
    gc.collect()
    # So the collector of a child does not copy the shared memory.
    gc.freeze()
    fork = multiprocessing.get_context('fork')
    for line in sys.stdin:
        ours, theirs = fork.Pipe(duplex=False)
        child = fork.Process(target=_run, args=(theirs, database, conf,
                                                *json.loads(line)))
        child.start()
        theirs.close()
        try:
            moments = ours.recv()
        except EOFError:
            moments = []
        child.join()
        with open('output') as output:
            print(json.dumps([child.exitcode, moments, output.read()]),
                  flush=True)


def _run(pipe, database, conf, what, identity, at, fault, always):
    """Run a conversion in a child; ends the process."""
    output = os.open('output', os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
    action = (fault_points.kill if fault == KILL
              else fault_errors.FAULTS[database][fault].strike)
    switch = fault_points.Switch(at, action, always)
    switch.install()
    status = 1
    try:
        status = _RUNS[what](conf, identity, switch)
    except BaseException:
        traceback.print_exc()
    pipe.send(switch.moments)
    sys.stdout.flush()
    os._exit(status)


def _run_command(_conf, _identity, switch):
    with switch.armed():
        try:
            manage.main()
        except SystemExit as exc:
            return exc.code


def _run_batch(conf, identity, switch):
    """Convert as the command does, in a batch, and the rest one by one."""
    alone = acting.act

    def act(action, stack):
        done, left = acting.act_together(action, [stack])
        return alone(action, stack) if left else done[0]

    acting.act = act
    return _run_command(conf, identity, switch)


class _Reached(Exception):
    """The update went on after the conversion."""


def _run_update(conf, identity, switch):
    """Have an engine update the stack, without its other threads.

    The switch is armed while the engine converts. When the hook is done, the
    update itself is left to the engine of the test.
    """
    logging.register_options(cfg.CONF)
    cfg.CONF(['--config-file', conf], project='heat', prog='heat-engine')
    logging.setup(cfg.CONF, 'heat-engine')
    messaging.setup()
    engine = service.EngineService('faulty', 'engine')
    engine.engine_id = 'faulty'
    convert = convergence_migrate.convert

    def armed(*args, **kwargs):
        with switch.armed():
            return convert(*args, **kwargs)

    def reached(*_args, **_kwargs):
        raise _Reached()

    convergence_migrate.convert = armed
    service.EngineService.__base__.update_stack = reached
    context = utils.dummy_context(tenant_id=identity['tenant'])
    try:
        engine.update_stack(context, identity, None, {}, {},
                            {'existing': True})
    except _Reached:
        return 0


_RUNS = {fault_table.COMMAND: _run_command, fault_table.UPDATE: _run_update,
         fault_table.BATCH: _run_batch}

if __name__ == '__main__':
    _serve(*sys.argv[1:])
