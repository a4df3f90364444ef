# SPDX-License-Identifier: Apache-2.0

"""heat-sandbox: a whole Heat in one process on SQLite.

The process prints one line that starts with ``heat-sandbox: ready at`` once
it answers requests, and stops with exit status

* 0 after SIGINT or SIGTERM, when everything in progress was finished;
* 1 when it could not start, or stopped while a stack was in progress;
* 2 for wrong options.
"""
# flake8: noqa: E402

import argparse
import os
import select
import signal
import sys
import threading
import warnings

# futurist imports eventlet if it is installed, and Heat depends on it.
warnings.filterwarnings('ignore', r'\s*Eventlet is deprecated')

# Threads or eventlet, as this release of Heat has it, before anything else.
from heat.cmd import engine  # noqa: F401

from oslo_concurrency import lockutils
from oslo_config import cfg
from oslo_log import log as logging

from heat.common import config
from heat.common import messaging
from heat.engine import service
from heat.rpc import api as rpc_api
from heat.sandbox import api
from heat.sandbox import config as sandbox_config
from heat.sandbox import credentials
from heat.sandbox import database
from heat import version

CONF = cfg.CONF

READY = 'heat-sandbox: ready at'

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_STOP_TIMEOUT = 30

_DESCRIPTION = """\
Run a whole Heat, API and engine, in one process on SQLite.

It is for trials and tests. It has no authentication: anybody who reaches its
port can use it. By default it listens on loopback only.
"""

_EPILOG = """\
example with two terminals:

  heat-sandbox --engine legacy --port 8004

  export OS_AUTH_TYPE=none
  export OS_ENDPOINT=http://127.0.0.1:8004/v1/admin
  openstack stack create --wait -t template.yaml mystack

Stop it with Ctrl-C. It keeps its stacks for the next start, also with another
engine. With --engine convergence --migrate-on-update, the next 'openstack
stack update' of a legacy stack converts it.

Other commands can use heat.conf in the data directory, also while the sandbox
runs:

  heat-manage --config-file heat-sandbox/heat.conf db_version

SIGHUP makes the sandbox read its mutable options from heat.conf again.
"""


def build_parser():
    parser = argparse.ArgumentParser(
        prog='heat-sandbox',
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--data-dir', metavar='DIRECTORY', default='heat-sandbox',
        help='where to keep the database, heat.conf and the log; created if '
        'missing (default: %(default)s)')
    parser.add_argument(
        '--host', default='127.0.0.1',
        help='the address to listen on (default: %(default)s)')
    parser.add_argument(
        '--port', type=_port, default=0,
        help='the port to listen on; 0 takes a free one '
        '(default: %(default)s)')
    parser.add_argument(
        '--engine', choices=('legacy', 'convergence'), default='convergence',
        help='the engine of new stacks (default: %(default)s)')
    parser.add_argument(
        '--migrate-on-update', action='store_true',
        help='convert a legacy stack to convergence when it is updated')
    parser.add_argument(
        '--config-file', metavar='FILE', action='append', default=[],
        help='a file with more options of Heat, read after heat.conf; may be '
        'given more than once')
    parser.add_argument(
        '--debug', action='store_true', help='write a more detailed log')
    parser.add_argument(
        '--i-know-there-is-no-authentication', action='store_true',
        dest='allow_any_host',
        help='allow a --host that is not loopback')
    return parser


def _port(text):
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError('%s is not a port (0 to 65535)'
                                         % text)
    return int(text)


def _refuse(parser, reason):
    """Exit with status 2 and one line, without the usage."""
    parser.exit(2, '%s: %s\n' % (parser.prog, reason))


def _check_host(parser, args):
    try:
        loopback = api.is_loopback(args.host)
    except OSError as error:
        _refuse(parser, '--host %s: %s' % (args.host, error.strerror))
    if not loopback and not args.allow_any_host:
        _refuse(parser, '--host %s is not a loopback address and the sandbox '
                'has no authentication; listen on 127.0.0.1, or add '
                '--i-know-there-is-no-authentication' % args.host)


def _configure(data, args):
    sandbox_config.write(data, convergence=args.engine == 'convergence',
                         migrate_on_update=args.migrate_on_update,
                         debug=args.debug)
    files = [data.config] + args.config_file
    logging.register_options(CONF)
    CONF([argument for name in files
          for argument in ('--config-file', name)],
         project='heat', prog='heat-sandbox', default_config_dirs=[],
         version=version.version_info.version_string())
    logging.setup(CONF, CONF.prog)
    config.set_config_defaults()


class Sandbox(object):
    """The engine and the API that share this process."""

    def __init__(self, data, host, port):
        """Make both ready to start.

        :raises CannotListen: when the address cannot be bound.
        """
        self._server = api.Server(host, port)
        self.endpoint = self._server.url('/v1/' + sandbox_config.PROJECT)
        sandbox_config.write_token(data, self.endpoint)
        credentials.use()
        database.prepare()
        messaging.setup()
        self._engine = service.EngineService(CONF.host, rpc_api.ENGINE_TOPIC)
        self._server.set_app(config.load_paste_app('heat-api'))

    def start(self):
        self._engine.start()
        threading.Thread(target=self._server.serve_forever,
                         daemon=True).start()

    def stop(self):
        """Refuse new requests and wait for the stacks in progress.

        :returns: whether they finished within 30 seconds.
        """
        self._server.shutdown()
        self._server.server_close()
        stopping = threading.Thread(target=self._engine.stop, daemon=True)
        stopping.start()
        stopping.join(_STOP_TIMEOUT)
        return not stopping.is_alive()


def _announce(endpoint, data):
    print('This Heat has no authentication: anybody who reaches its port can '
          'use it.')
    print('Its data and its log are in %s' % data.path)
    print('For the openstack client:')
    print('export OS_AUTH_TYPE=none')
    print('export OS_ENDPOINT=%s' % endpoint)
    print('%s %s (stop it with Ctrl-C)' % (READY, endpoint), flush=True)


def _catch_signals():
    """Let signals be read from a pipe: green threads can wait for it too.

    :returns: the argument of :func:`_wait_for_stop`.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in _SIGNALS:
        signal.signal(number, lambda _signal, _frame: None)
    return reader


def _wait_for_stop(signals):
    """Serve SIGHUP until a signal asks to stop."""
    while True:
        select.select([signals], [], [])
        if os.read(signals, 1)[0] != signal.SIGHUP:
            return
        CONF.mutate_config_files()
        print('heat-sandbox: read the mutable options again', flush=True)


def _exit_at_once(_signal, _frame):
    # An ordinary exit would wait for threads of Heat's that still work on a
    # stack.
    os._exit(1)


def _run(data, args):
    signals = _catch_signals()
    sandbox = Sandbox(data, args.host, args.port)
    sandbox.start()
    _announce(sandbox.endpoint, data)
    _wait_for_stop(signals)
    print('heat-sandbox: stopping; a second signal stops at once', flush=True)
    for number in _SIGNALS:
        signal.signal(number, _exit_at_once)
    if sandbox.stop():
        print('heat-sandbox: stopped', flush=True)
        return 0
    print('heat-sandbox: stopped while a stack was still in progress; the '
          'next start marks it as failed', file=sys.stderr, flush=True)
    os._exit(1)


def main(argv=None):
    parser = build_parser()
    args = parser.parse_args(argv)
    _check_host(parser, args)
    data = sandbox_config.DataDirectory(os.path.abspath(args.data_dir))
    try:
        data.create()
    except sandbox_config.UnusableDataDirectory as error:
        _refuse(parser, str(error))
    # Messages never leave the process of a sandbox, so two engines on one
    # database could not call each other.
    lock = lockutils.external_lock('lock', lock_path=data.path)
    try:
        if not lock.acquire(blocking=False):
            _refuse(parser, 'another sandbox is using %s; stop it or choose '
                    'another --data-dir' % data.path)
        try:
            _configure(data, args)
            return _run(data, args)
        finally:
            lock.release()
    except cfg.Error as error:
        _refuse(parser, str(error))
    except (api.CannotListen, OSError) as error:
        # The text of an OSError names the file.
        parser.exit(1, '%s: %s\n' % (parser.prog, error))


if __name__ == '__main__':
    sys.exit(main())
