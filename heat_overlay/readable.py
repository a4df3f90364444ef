# SPDX-License-Identifier: Apache-2.0

"""Check that other users can read the overlay, as the engine must."""

import os
import pwd
import stat


def unreadable(heat, *paths):
    """Return the first of some paths that others cannot read, or None.

    If only a group can read the installed Heat, the engine runs as a member of
    it, and this group counts. If only its owner can, for example in a private
    environment, the owner runs it. Then the result is None.

    :param heat: the folder of the installed Heat
    :param paths: files, and folders with all that is in them
    """
    group, hidden = None, _hidden(heat)
    if hidden is not None:
        group = _group(hidden)
        if group is None or _hidden(heat, group) is not None:
            return None
    for path in paths:
        for found in _with_contents(path):
            hidden = _hidden(found, group)
            if hidden is not None:
                return hidden
    return None


def _group(path):
    """The group of a path, or None if it is that of the owner alone."""
    try:
        found = os.stat(path)
        own = pwd.getpwuid(found.st_uid).pw_gid
    except OSError:
        return None
    except KeyError:
        own = None
    return None if found.st_gid == own else found.st_gid


def _with_contents(path):
    yield path
    for folder, folders, files in os.walk(path):
        folders[:] = [name for name in folders if name != '__pycache__']
        for name in folders + files:
            yield os.path.join(folder, name)


def _hidden(path, group=None):
    """The path or a folder above it that others cannot use, or None.

    :param group: others are the members of this group, or of none
    """
    path = os.path.realpath(path)
    try:
        mode = _mode(path, group)
    except OSError:
        return path
    wanted = (stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode)
              else stat.S_IROTH)
    if mode & wanted != wanted:
        return path
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        if not _mode(path, group) & stat.S_IXOTH:
            return path
    return None


def _mode(path, group):
    """The mode of a path, with the rights of others in its last bits."""
    found = os.stat(path)
    if found.st_gid != group:
        return found.st_mode
    return stat.S_IFMT(found.st_mode) | (found.st_mode & stat.S_IRWXG) >> 3
