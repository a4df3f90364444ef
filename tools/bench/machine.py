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

"""How much two processes get done on this machine, of whatever it is."""

import subprocess
import sys
import time

# About two seconds of what Heat does most: small dictionaries, and text.
_WORK = """
for number in range(300):
    {str(key): [key] for key in range(20000)}
"""


def two_processes_to_one():
    """What two processes that only compute get done, with one as 1.

    Processors that share a core, or with other machines, make it less than
    2: no two processes can do better.
    """
    return 2 * _seconds(1) / _seconds(2)


def _seconds(processes):
    start = time.perf_counter()
    running = [subprocess.Popen([sys.executable, '-c', _WORK])
               for _ in range(processes)]
    for process in running:
        process.wait()
    return time.perf_counter() - start
