# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Which tests are for which releases of Heat."""

import importlib.util

import testtools

from heat import overlay

#: What an engine logs when it goes by the options that it has read again. From
#: Heat 25 on a new worker process of cotyledon's does, before that the one
#: process of eventlet's.
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
