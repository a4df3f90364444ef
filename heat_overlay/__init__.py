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

"""The heat-overlay command: starts Heat with the overlay in front of it.

It uses nothing but the standard library, and no module here imports Heat but
``probe``, which runs in the Python that Heat runs in.
"""

import os


def tree():
    """Return the folder that holds the overlay's ``heat`` package.

    The wheel carries it here, away from Heat's own files; in a checkout it is
    the checkout itself.
    """
    here = os.path.dirname(os.path.realpath(__file__))
    carried = os.path.join(here, 'tree')
    return carried if os.path.isdir(carried) else os.path.dirname(here)
