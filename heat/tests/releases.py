# SPDX-License-Identifier: Apache-2.0

"""Select tests by the release of Heat."""

import importlib.util

import testtools

from heat import overlay

#: The log line of an engine that has read its options again. From Heat 25 on a
#: new worker process of cotyledon's does, before that the one process of
#: eventlet's.
REREAD = ('Starting engine_worker' if importlib.util.find_spec('cotyledon')
          else 'changed from')

#: See heat.overlay_releases.Release.converged_actions.
RESOURCE_SNAPSHOTS = overlay.release().converged_actions

renewing = testtools.skipUnless(
    RESOURCE_SNAPSHOTS, 'Before Heat 26 no update of any stack renews a trust '
    'that is gone: it fails')

by_resource = testtools.skipUnless(
    RESOURCE_SNAPSHOTS, 'This Heat has no snapshots of single resources')
as_a_whole = testtools.skipIf(
    RESOURCE_SNAPSHOTS, 'This Heat has snapshots of single resources')
