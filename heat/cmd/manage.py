# SPDX-License-Identifier: Apache-2.0

"""heat-manage with the commands that convert stacks to convergence."""

import os
import signal
import sys


def _end(_number, _frame):
    """End at once: nothing has begun, and a traceback would tell nobody."""
    os.write(2, b'Stopped before it began: nothing was changed.\n')
    os._exit(1)


# Loading Heat takes some seconds, in which Ctrl-C is no error either.
_LOADED_BY_COMMAND = os.path.basename(sys.argv[0]) == 'heat-manage'
if _LOADED_BY_COMMAND:
    signal.signal(signal.SIGINT, _end)

from oslo_config import cfg  # noqa: E402

from heat import overlay  # noqa: E402

# The installed module comes first: it is what the rest of this file refines.
_heat = overlay.installed(__name__)

from heat.cmd.migrate import commands  # noqa: E402

_heat_parsers = _heat.add_command_parsers


def _run_as(function):
    """Exit with the status of a command; Heat's main ignores return values."""
    def run():
        sys.exit(function(cfg.CONF.command))
    return run


def add_command_parsers(subparsers):
    """Add Heat's own commands and those that convert stacks."""
    _heat_parsers(subparsers)
    commands.add_parsers(subparsers, _run_as)


_heat.add_command_parsers = add_command_parsers
_heat.command_opt = cfg.SubCommandOpt(
    'command', title=_heat.command_opt.title, help=_heat.command_opt.help,
    handler=add_command_parsers)

if _LOADED_BY_COMMAND:
    signal.signal(signal.SIGINT, signal.default_int_handler)
