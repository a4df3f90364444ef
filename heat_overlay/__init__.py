# SPDX-License-Identifier: Apache-2.0

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
