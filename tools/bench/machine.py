# SPDX-License-Identifier: Apache-2.0

"""Measure how much two processes speed up work on this machine."""

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
