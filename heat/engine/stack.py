# SPDX-License-Identifier: Apache-2.0

"""Stack that reports lost requests, and stores no row without a template."""

from oslo_log import log as logging

from heat import overlay

# The installed module comes first: it is what the rest of this file refines.
_heat = overlay.installed(__name__)

from heat.common import exception  # noqa: E402
from heat.common.migrate import options as migrate_options  # noqa: E402
from heat.db.migrate import lost_race as migrate_lost_race  # noqa: E402
from heat.db.migrate import state as migrate_state  # noqa: E402
from heat.engine import stack_lock  # noqa: E402
from heat.objects import raw_template as raw_template_object  # noqa: E402
from heat.objects import snapshot as snapshot_object  # noqa: E402
from heat.objects import stack as stack_object  # noqa: E402

LOG = logging.getLogger(__name__)


class Stack(_heat.Stack):
    """Heat's stack, with two corrections for convergence stacks.

    It reports lost requests. A convergence operation begins by storing a
    traversal of its own, if the row still has the one that was loaded. If
    not, Heat assumes that a newer operation is running, and drops the
    request. After a revert, and after the older operation failed or was
    cancelled, there is no newer one. Without migrate_protection requests are
    dropped as in Heat, with no query.

    It stores no row without a template; see :meth:`snapshot`.
    """

    # The exp_trvsl of the last store() that found no row, in a tuple.
    _missed = None

    def store(self, *args, **kwargs):
        """Store the stack as Heat does; returns its id, or None for a miss.

        A miss leaves only renewed credentials: they are stored, because the
        old ones are deleted by then. If the newer operation has stored its
        own, these are deleted.
        """
        credentials, template_id = self.user_creds_id, self.t.id
        stack_id = super().store(*args, **kwargs)
        if stack_id is None:
            self._missed = (kwargs.get('exp_trvsl'),)
            if migrate_options.protects():
                self._tidy_up(credentials, template_id)
        return stack_id

    def _tidy_up(self, credentials, template_id):
        if (self.user_creds_id != credentials and
                not migrate_lost_race.replace_credentials(
                    self.context, self.id, credentials, self.user_creds_id)):
            self._delete_user_cred()
        if template_id is None:
            raw_template_object.RawTemplate.delete(self.context, self.t.id)
            self.t.id = None

    def converge_stack(self, *args, **kwargs):
        """Begin an operation as Heat does.

        :raises ActionInProgress: (409 at the API) when the request is lost and
            no newer operation runs
        """
        expected, self._missed = self.current_traversal, None
        super().converge_stack(*args, **kwargs)
        if self._missed == (expected,) and self.is_idle():
            if self.action == self.SNAPSHOT:
                # No user could delete a snapshot that stays IN_PROGRESS.
                snapshot_object.Snapshot.delete(self.context,
                                                self.current_traversal)
            raise stack_lock.StackLock.lost_race(self.name)

    def rollback(self):
        """Roll back as Heat does; if that is not possible, leave an event.

        A rollback runs in a thread, so it cannot answer the user.
        """
        self._missed, refused = None, False
        try:
            super().rollback()
        except exception.ActionInProgress:
            refused = True
        # Not within the except, where oslo.log adds it to what is logged.
        if refused or (self._missed == (None,) and self.is_idle()):
            self.record_dropped('The rollback')

    def snapshot(self, *args, **kwargs):
        """Take a snapshot as Heat does.

        Before Heat 26 this stores a row for each resource that has none, but
        no template in it. The delete of such a row would never end. A native
        convergence stack has a row for each resource. One that was converted
        when it had failed may lack some. Since Heat 26 this runs for legacy
        stacks only.
        """
        if self.convergence:
            for rsrc in self.resources.values():
                if rsrc.id is None:
                    rsrc.current_template_id = self.t.id
        super().snapshot(*args, **kwargs)

    def is_idle(self):
        """Whether no convergence operation runs on this stack now.

        Without migrate_protection the result is False, with no query.
        """
        return migrate_options.protects() and not migrate_state.is_at_work(
            self.context, self.id)

    def record_dropped(self, what):
        """Leave an event for a request that was answered and cannot run.

        :param what: the request in words, for example "The rollback"
        """
        self.record_lost(what, 'the stack has changed since it was requested, '
                               'and no operation is in progress')

    def record_lost(self, what, why):
        """Leave an event for a request that was answered and was not begun."""
        row = stack_object.Stack.get_by_id(self.context, self.id,
                                           eager_load=False)
        reason = '%s was not begun: %s.' % (what, why)
        LOG.warning('A request for stack %s is lost: %s', self.id, reason)
        if row is not None:
            # A client that waits for the end of an operation reads the state.
            self._add_event(row.action, row.status, reason)


_heat.Stack = Stack
