# SPDX-License-Identifier: Apache-2.0

"""Keep loaded modules out of garbage collection."""

import gc


def freeze():
    """Exclude all present objects from Python's garbage collection.

    Heat and its plug-ins are some 300,000 objects. The collector goes through
    them whenever many new objects survive. That takes longer than to convert a
    thousand resources. In a forked worker it also copies their memory pages
    (:func:`gc.freeze`).
    """
    # Otherwise present garbage would be kept as well.
    gc.collect()
    gc.freeze()
