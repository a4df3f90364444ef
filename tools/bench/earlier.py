# SPDX-License-Identifier: Apache-2.0

"""The work of the earlier revision, for which the goals were set."""

from heat.db import migrate_census
from heat.engine import convergence_migrate
from heat.engine import service

_PAGE = 1000  # root stacks, as its command read them
_ENGINE = service.EngineService('bench', 'bench')
_ENGINE.engine_id = 'bench'


def convert(context, stack_id):
    convergence_migrate.convert(context, stack_id)


def hook(context, identity):
    """Do what the hook adds to an update call."""
    _ENGINE._convert_before_update(context, identity)


def pages(context):
    """Read all legacy root stacks."""
    page = [None]
    while page:
        page = migrate_census.get_page(context, _PAGE, page[-1])
