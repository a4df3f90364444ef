# SPDX-License-Identifier: Apache-2.0

"""Delete attribute values that a request has stored just before an update.

A request for the outputs of a convergence stack stores the values of their
attributes, unless a worker has the lock of the resource. A worker loads a
resource, locks it, and deletes the stored values that it has loaded. If a
request stores the first values between these two steps, the worker does not
get its lock, and tries again. Heat then reads only the ``atomic_key`` of the
row. So the worker does not delete the values. The outputs keep their old
values after the update, until a later operation changes the resource.

A native stack has values of each resource that another one requires, so that
nothing is stored in this moment. The legacy engine stores none. So this could
happen to each resource in the first update after a conversion.
"""

import functools

from heat.common import exception
from heat.common.migrate import options as migrate_options
from heat.objects import resource as resource_object

# The attribute of a resource whose lock was missed.
_MISSED = '_migrate_missed_lock'


def late_lock(store_with_lock):
    """Let a worker that gets its lock late know which values are stored.

    Nobody stores values under the lock. Without migrate_protection there is
    no query.
    """
    @functools.wraps(store_with_lock)
    def store(self, rs, lock):
        missed = vars(self).pop(_MISSED, False)
        try:
            store_with_lock(self, rs, lock)
        except exception.UpdateInProgress:
            setattr(self, _MISSED, True)
            raise
        if missed and migrate_options.protects():
            self._attr_data_id = resource_object.Resource.get_obj(
                self.context, self.id, fields=('attr_data_id',)).attr_data_id
    return store
