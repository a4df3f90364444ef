# SPDX-License-Identifier: Apache-2.0

"""The versions of the overlay and of Heat, for commands and log lines."""

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
