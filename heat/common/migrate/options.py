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
    cfg.BoolOpt('migrate_on_update_failed',
                default=False,
                mutable=True,
                help=_('With migrate_on_update, also convert a stack whose '
                       'last operation failed, or that has a backup stack in '
                       'use, once Heat has found the update valid. Such a '
                       'conversion cannot be reverted until the stack is '
                       'COMPLETE.')),
    cfg.ListOpt('migrate_on_update_projects',
                default=[],
                mutable=True,
                help=_('Convert on update only the stacks of these projects '
                       '(a list of project ids), to try the conversion on '
                       'some of them first. An empty list stands for every '
                       'project. Takes effect with migrate_on_update.')),
    cfg.FloatOpt('migrate_on_update_timeout',
                 min=0.1,
                 mutable=True,
                 help=_('Seconds that an update waits for the conversion of '
                        'its stack. After that time the conversion is rolled '
                        'back, and the update runs on the legacy engine. '
                        'Default: half of rpc_response_timeout, so that the '
                        'other half is left for the update.')),
    cfg.BoolOpt('migrate_protection',
                default=False,
                mutable=True,
                help=_('Refuse an operation of this engine if its stack was '
                       'converted or reverted after the operation had loaded '
                       'it. Set it to true in every engine before '
                       'heat-manage migrate-convergence-1 or '
                       'revert-convergence-1 runs beside them. It converts '
                       'nothing.')),
]

cfg.CONF.register_opts(opts)
cfg.CONF.import_opt('convergence_engine', 'heat.common.config')


def update_timeout():
    """Seconds that the conversion before an update may take."""
    if cfg.CONF.migrate_on_update_timeout is not None:
        return cfg.CONF.migrate_on_update_timeout
    try:
        return cfg.CONF.rpc_response_timeout / 2
    except cfg.NoSuchOptError:
        # Messaging is not set up in this process. This is the default.
        return 60 / 2


def protects():
    """Whether the engine refuses operations that a conversion overtook."""
    return cfg.CONF.migrate_protection or cfg.CONF.migrate_on_update


def migrates_on_update():
    """Whether this engine converts stacks when they are updated.

    With convergence_engine = false it must not: the engine would give a
    converted stack legacy nested stacks.
    """
    return cfg.CONF.migrate_on_update and cfg.CONF.convergence_engine
