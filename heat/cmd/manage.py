# SPDX-License-Identifier: Apache-2.0

"""heat-manage with the commands that convert stacks to convergence."""

import sys
import warnings

from oslo_config import cfg

from heat import overlay
from heat import overlay_interrupt

# This warning about the engines would print nine lines above each report.
if overlay_interrupt.command() == 'heat-manage':
    warnings.filterwarnings('ignore', r'\s*Eventlet is deprecated')

# The installed module comes first: it is what the rest of this file refines.
_heat = overlay.installed(__name__)

from heat.cmd.migrate import parsers  # noqa: E402

_heat_parsers = _heat.add_command_parsers


def _run_as(name):
    """Make a function that runs a command and exits with its status.

    Heat's main ignores return values.
    """
    def run():
        # Heat's own commands need nothing of this.
        from heat.cmd.migrate import commands
        overlay_interrupt.over()
        sys.exit(getattr(commands, name)(cfg.CONF.command))
    return run


def add_command_parsers(subparsers):
    """Add Heat's own commands and those that convert stacks."""
    _heat_parsers(subparsers)
    parsers.add_all(subparsers, _run_as)


_heat.add_command_parsers = add_command_parsers
_heat.command_opt = cfg.SubCommandOpt(
    'command', title=_heat.command_opt.title, help=_heat.command_opt.help,
    handler=add_command_parsers)

# Heat's own commands are loaded now, and handle Ctrl-C as without the overlay.
if not parsers.NAMES.intersection(sys.argv):
    overlay_interrupt.over()
