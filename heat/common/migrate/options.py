# SPDX-License-Identifier: Apache-2.0

"""The options of the conversion, and what follows from them."""

from oslo_config import cfg

from heat.common.i18n import _

opts = [
    cfg.BoolOpt('migrate_on_update',
                default=False,
                mutable=True,
                help=_('When a legacy stack is updated, convert it and all '
                       'of its nested stacks to convergence first, and run '
                       'the update under convergence. A stack that cannot '
                       'be converted is updated by the legacy engine, and '
                       'a stack event says why. Needs convergence_engine '
                       'to be true. Implies migrate_protection.')),
    cfg.ListOpt('migrate_on_update_projects',
                default=[],
                mutable=True,
                help=_('Convert on update only the stacks of these projects '
                       '(a list of project ids), to try the conversion on '
                       'some of them first. An empty list stands for every '
                       'project. Takes effect with migrate_on_update.')),
    cfg.BoolOpt('migrate_protection',
                default=False,
                mutable=True,
                help=_('Refuse an operation of this engine that loaded a '
                       'stack before the stack was converted to '
                       'convergence, or back to legacy, and would go on '
                       'after it. Set it for every engine before heat-manage '
                       'migrate-convergence-1 or revert-convergence-1 runs '
                       'beside them. It converts nothing.')),
]

cfg.CONF.register_opts(opts)
cfg.CONF.import_opt('convergence_engine', 'heat.common.config')


def protects():
    """Whether operations that lost a race with a conversion are refused."""
    return cfg.CONF.migrate_protection or cfg.CONF.migrate_on_update


def migrates_on_update():
    """Whether this engine converts stacks when they are updated.

    With convergence_engine = false it must not: the engine would give a
    converted stack legacy nested stacks.
    """
    return cfg.CONF.migrate_on_update and cfg.CONF.convergence_engine
