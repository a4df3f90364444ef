# SPDX-License-Identifier: Apache-2.0

"""StackLock that keeps legacy operations off converted stacks."""

from oslo_log import log as logging

from heat import overlay

# The installed module comes first: it is what the rest of this file refines.
_heat = overlay.installed(__name__)

from heat.common import exception  # noqa: E402
from heat.common.migrate import options as migrate_options  # noqa: E402
from heat.db.migrate import state as migrate_state  # noqa: E402
from heat.engine.migrate import events as migrate_events  # noqa: E402

LOG = logging.getLogger(__name__)


class StackLock(_heat.StackLock):
    """Heat's stack lock, which only legacy operations take.

    Before Heat 26, convergence stacks are suspended, resumed, checked and
    snapshotted under it as well, and in the same way. For these releases see
    heat.engine.migrate.race_protection.operation.

    An operation loads its stack before it takes the lock. Another engine or
    a command may convert the stack in between, but not under the lock. So
    the lock reads the stack again.
    """

    def acquire(self, retry=True):
        """Take the lock, unless the stack has become convergence.

        :raises ActionInProgress: (409 at the API) when an operation has the
            lock, and when the stack is not, or may not be, legacy any more
        """
        super().acquire(retry)
        if overlay.release().converged_actions:
            self.refuse_converted()

    def __enter__(self):
        """Take the lock while Heat marks a resource as unhealthy.

        Only a resource of a legacy stack is marked under it, in any Heat.
        """
        super().__enter__()
        if not overlay.release().converged_actions:
            self.refuse_converted()
        return self

    def refuse_converted(self):
        """Release the lock and raise, if the stack is no longer legacy.

        :raises ActionInProgress: also when that cannot be found out
        """
        try:
            name = self.converted_stack()
        except Exception:
            LOG.exception('Cannot tell whether stack %s is legacy',
                          self.stack_id)
            name = self.stack_id
        if name is not None:
            # Heat's callers do not release the lock after ActionInProgress.
            self.release()
            raise self.lost_race(name)

    def converted_stack(self):
        """Name the stack if it has become convergence; None if it is legacy.

        Without migrate_protection the result is None, with no query.
        """
        if not migrate_options.protects():
            return None
        return migrate_state.get_convergence_name(self.context, self.stack_id)

    def reverted_stack(self):
        """Whether the stack, loaded as convergence, has become legacy.

        Without migrate_protection the result is False, with no query.
        """
        return (migrate_options.protects() and
                migrate_state.get_convergence_name(self.context,
                                                   self.stack_id) is None)

    @staticmethod
    def lost_race(name):
        """The exception for an operation that a conversion overtook.

        ActionInProgress is what heat-api answers with 409;
        ConcurrentTransaction would become 500.
        """
        return exception.ActionInProgress(stack_name=name,
                                          action=migrate_events.ACTION)


_heat.StackLock = StackLock
