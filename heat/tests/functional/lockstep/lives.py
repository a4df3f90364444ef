# SPDX-License-Identifier: Apache-2.0

"""The life of a stack and of the things of its resources."""

import copy

from heat.common import exception
from heat.db import models
from heat.tests.functional.harness.plugins import things as plugin
from heat.tests.functional.lockstep import chains
from heat.tests.functional.lockstep import deaths


def living(**values):
    """The things of a root stack, by resource, as Ledger.living has them."""
    return [((name,), value, False) for name, value in sorted(values.items())]


class Life:
    """One stack and its ledger.

    :param test: a synchronous.EngineTestCase
    :param convergence: whether the stack is convergence from the beginning
    :ivar forgotten: what the conversion did not find; see _forgotten
    """

    def __init__(self, test, convergence):
        self.test = test
        self.convergence = convergence
        self.ledger = plugin.renew()
        self.plan = None

    def create(self, of=chains.OLD, files=None, params=None, **args):
        self.files = files
        self.identity = self.test.create(copy.deepcopy(of), self.convergence,
                                         files, params, **args)

    def _engine(self, method, *args, **kwargs):
        # A legacy stack has legacy nested stacks.
        with self.test.engine_kind(self.convergence):
            result = getattr(self.test.heat, method)(
                self.test.ctx, self.identity, *args, **kwargs)
            self.test.heat.run()
        return result

    def update(self, to, rollback=False, files=None, params=None, **args):
        self._engine('update_stack', copy.deepcopy(to), params or {},
                     files or self.files or {},
                     dict({'disable_rollback': not rollback}, **args))

    def patch(self, **args):
        self.update(None, existing=True, **args)

    def interrupt(self, name, rollback, failing=()):
        """Cancel the next operation while it handles a resource.

        :param failing: pairs that fail from then on; see failing
        """
        def cancel():
            self.failing(*failing)
            try:
                self.test.heat.stack_cancel_update(
                    self.test.ctx, deaths.root_identity(self.test),
                    cancel_with_rollback=rollback)
            except exception.NotSupported:
                # It is rolled back already.
                pass
        self.ledger.interruptions = {name: cancel}

    def check(self):
        self._engine('stack_check')

    def mark_unhealthy(self, name):
        self._engine('resource_mark_unhealthy', name, True, 'unhealthy')

    def suspend(self):
        self._engine('stack_suspend')

    def resume(self):
        self._engine('stack_resume')

    def resume_nested(self):
        """Resume each nested stack that a failed resume has left suspended."""
        root = self.identity
        for row in self.test.database.rows(models.Stack, deleted_at=None):
            if row['owner_id'] and row['action'] == 'SUSPEND':
                self.identity = deaths.identity(row)
                self.resume()
        self.identity = root

    def snapshot(self):
        self.snapshot_id = self._engine('stack_snapshot', 'snapshot')['id']

    def restore(self):
        self._engine('stack_restore', self.snapshot_id)

    def delete_snapshot(self):
        self._engine('delete_snapshot', self.snapshot_id)

    def abandon(self):
        return self._engine('abandon_stack')

    def delete(self):
        self._engine('delete_stack')

    def failing(self, *pairs):
        """Let (resource name, handler) pairs fail, and no others."""
        self.ledger.failing = set(pairs)

    def convert(self):
        """Convert the stack if it is legacy.

        Earlier errors in the ledger do not count.
        """
        self.ledger.failing, self.ledger.failing_then = set(), set()
        self.ledger.interruptions = {}
        self.ledger.deleted_in_use, self.ledger.lost = [], []
        if not self.convergence:
            self.plan = self.test.convert_failed(self.identity)
            self.convergence = True
        self.forgotten = self._forgotten()

    def _forgotten(self):
        """Paths of the things of which no row says that others use them."""
        rows = {row['physical_resource_id']: row
                for row in self.test.resource_rows(self.identity)}
        return {self.ledger.things[used].path
                for user, thing in self.ledger.things.items()
                for used in thing.uses
                if user in rows and used in rows and
                rows[used]['id'] not in rows[user]['requires']}

    def end(self):
        """The values that must be equal for both stacks.

        They are the state, all existing things, and things that were deleted
        while others used them. Things that no row names are leaked. Rows whose
        thing does not exist are lost; those that are COMPLETE without ever
        having had one are never created.
        """
        rows = self.test.resource_rows(self.identity)
        ids = [row['physical_resource_id'] for row in rows]
        complete = [row for row in rows if row['status'] == 'COMPLETE' and
                    row['action'] not in ('INIT', 'DELETE')]
        state = self.test.state(self.identity)
        return {
            'state': state,
            'living': self.ledger.living(),
            'leaked': sorted(thing.path for name, thing in
                             self.ledger.things.items() if name not in ids),
            'lost': self.ledger.lost + sorted(
                row['name'] for row in complete
                if (row['physical_resource_id'] or '').startswith('thing-') and
                row['physical_resource_id'] not in self.ledger.things),
            'never created': sorted(row['name'] for row in complete
                                    if not row['physical_resource_id']),
            'deleted in use': self.ledger.deleted_in_use}
