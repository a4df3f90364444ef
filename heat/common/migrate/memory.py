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

"""What a process keeps for as long as it lives."""

import gc


def settle():
    """Have Python's collector leave alone what is loaded by now.

    Heat and its plug-ins are some 300,000 objects. To go through them, which
    the collector does whenever many new ones survive, takes longer than to
    convert a thousand resources; and in a forked worker it copies the pages
    that hold them (:func:`gc.freeze`).
    """
    # Or what is garbage now would be kept as well.
    gc.collect()
    gc.freeze()
