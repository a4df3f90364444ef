# SPDX-License-Identifier: Apache-2.0

"""Check that other users can read the overlay, as the engine must."""

import os
import stat


def unreadable(heat, *paths):
    """Return the first of some paths that others cannot read, or None.

    If others cannot read the installed Heat either, for example in a private
    environment, only its owner runs it. Then the result is None.

    :param heat: the folder of the installed Heat
    :param paths: files, and folders with all that is in them
    """
    if _hidden(heat) is not None:
        return None
    for path in paths:
        for found in _with_contents(path):
            hidden = _hidden(found)
            if hidden is not None:
                return hidden
    return None


def _with_contents(path):
    yield path
    for folder, folders, files in os.walk(path):
        folders[:] = [name for name in folders if name != '__pycache__']
        for name in folders + files:
            yield os.path.join(folder, name)


def _hidden(path):
    """The path or a folder above it that others cannot use, or None."""
    path = os.path.realpath(path)
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return path
    wanted = (stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode)
              else stat.S_IROTH)
    if mode & wanted != wanted:
        return path
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & stat.S_IXOTH:
            return path
    return None
