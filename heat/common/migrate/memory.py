# SPDX-License-Identifier: Apache-2.0

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
