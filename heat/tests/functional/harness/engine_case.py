# SPDX-License-Identifier: Apache-2.0

"""Base class of tests with an engine in their own process."""

from oslo_config import cfg
from oslo_utils import uuidutils

from heat.common import template_format
from heat.db import models
from heat.engine import convergence_migrate
from heat.tests import common
from heat.tests import utils


class EngineTestCase(common.HeatTestCase):
    """Tests that create stacks by calling an engine's RPC methods.

    A subclass sets ``heat`` and ``database`` up, and defines in :meth:`finish`
    how an operation ends.

    :ivar ctx: the context of the requests.
    :ivar heat: the engine.
    :ivar database: the ``databases.Database`` with the stacks.
    """

    def setUp(self):
        super().setUp()
        # No Keystone can give a trust.
        cfg.CONF.set_override('deferred_auth_method', 'password')
        self.ctx = utils.dummy_context()

    def finish(self, identity):
        """Run the operation of a stack to its end."""
        raise NotImplementedError

    def create(self, template, convergence=False, files=None, params=None,
               **args):
        """Create a stack with one of Heat's two engines, to its end.

        :param template: as text, or as the parsed object.
        :param args: further arguments of the request, e.g. adopt_stack_data.
        :returns: its identity, as RPC methods take it.
        """
        if isinstance(template, str):
            template = template_format.parse(template)
        cfg.CONF.set_override('convergence_engine', convergence)
        try:
            identity = self.heat.create_stack(
                self.ctx, 'stack-%s' % uuidutils.generate_uuid(), template,
                params or {}, files or {},
                dict({'disable_rollback': True}, **args))
            self.finish(identity)
        finally:
            cfg.CONF.set_override('convergence_engine', True)
        return identity

    def row(self, identity):
        """The committed row of a stack."""
        return self.database.rows(models.Stack, id=identity['stack_id'])[0]

    def convert(self, identity):
        """Convert the stack with its stored credentials."""
        return convergence_migrate.convert(self.ctx, identity['stack_id'])
