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

"""Which overlay runs on which Heat, for commands and log lines."""

from importlib import metadata
import os
import sys

from heat import overlay
from heat import version

DISTRIBUTION = 'heat-convergence-migrate'


def heat_version():
    """The version of the installed Heat."""
    return version.version_info.version_string()


def overlay_version():
    """The version of the overlay, None when it was not installed.

    A checkout in PYTHONPATH needs no installation.
    """
    # Heat may be in another environment than the wheel, which has the tree
    # two folders below its site-packages.
    beside = os.path.abspath(os.path.join(overlay.ROOT, '../../..'))
    for found in metadata.distributions(name=DISTRIBUTION,
                                        path=[beside] + sys.path):
        return found.version
    return None


def both():
    """Both versions, in words."""
    return '%s %s on Heat %s' % (DISTRIBUTION, overlay_version() or
                                 '(a checkout)', heat_version())
