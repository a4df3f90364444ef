# SPDX-License-Identifier: Apache-2.0

"""The start-up files that load the overlay whenever Heat starts.

``site`` reads them when Python starts. A plain path line in a ``.pth`` file
would not work, because it comes after site-packages. So code must run. Python
up to 3.17 runs the import line of the ``.pth`` file. From 3.15 on Python
prefers the ``.start`` file of the same name, and from 3.18 on it reads only
that (PEP 829). Older releases ignore it. Both are always written, because
Debian shares a folder between several releases of Python.
"""

import datetime
import glob
import os

from heat_overlay import environment

MODULE = '_heat_overlay_startup'
PTH = 'heat-overlay.pth'
START = 'heat-overlay.start'

# The module stays after "pip uninstall" on purpose. If it were gone, every
# Python command would print an import error.
_MODULE_TEXT = """\
# Written by "heat-overlay enable"; "heat-overlay disable" removes it.
import os
import sys

TREE = %r


def activate():
    # Before every site-packages, but after what PYTHONPATH asks for.
    stdlib = os.path.dirname(os.__file__)
    place = sys.path.index(stdlib) if stdlib in sys.path else 0
    # Without the overlay, say after "pip uninstall", there is nothing to do.
    if (TREE not in sys.path[:place] and
            os.path.isfile(os.path.join(TREE, 'heat', 'overlay.py'))):
        sys.path.insert(place, TREE)
"""


def _contents(tree):
    # In the order of writing: no file may name a missing module.
    return {
        MODULE + '.py': _MODULE_TEXT % tree,
        START: '%s:activate\n' % MODULE,
        PTH: 'import %s; %s.activate()\n' % (MODULE, MODULE),
    }


def _read(path):
    try:
        with open(path, encoding='utf-8') as found:
            return found.read()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None


def paths(folder):
    """Return the paths of the start-up files in a folder."""
    return [os.path.join(folder, name) for name in _contents('')]


def _is_right(path, text):
    return _read(path) == text and os.stat(path).st_mode & 0o444 == 0o444


def write(folder, tree):
    """Write the start-up files; correct files are not changed.

    :returns: False if there was nothing to do.
    :raises OverlayError: when the folder cannot be written to.
    """
    wrong = {name: text for name, text in _contents(tree).items()
             if not _is_right(os.path.join(folder, name), text)}
    try:
        os.makedirs(folder, exist_ok=True)
        for name, text in wrong.items():
            path = os.path.join(folder, name)
            with open(path + '.new', 'w', encoding='utf-8') as new:
                new.write(text)
                # The engine runs as another user, so the umask must not
                # matter.
                os.fchmod(new.fileno(), 0o644)
            os.replace(path + '.new', path)
    except OSError as exc:
        raise environment.OverlayError(
            'Cannot write the start-up files: %s. Run this as the owner of '
            '%s.' % (exc, folder)) from exc
    return bool(wrong)


def remove(folder):
    """Remove the start-up files.

    :returns: False if there was nothing to do.
    :raises OverlayError: when a file cannot be removed.
    """
    removed = False
    # Otherwise the compiled module would be left.
    compiled = glob.glob(os.path.join(
        glob.escape(folder), '__pycache__', MODULE + '.*.pyc'))
    for name in [*reversed(_contents('')), *compiled]:
        try:
            os.remove(os.path.join(folder, name))
            removed = True
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as exc:
            raise environment.OverlayError(
                'Cannot remove the start-up files: %s. Run this as the owner '
                'of %s.' % (exc, folder)) from exc
    return removed


def enabled(folders, tree):
    """Return those folders whose start-up files put a tree in front.

    Files that this user cannot read count as files of this tree.
    """
    return [folder for folder in folders
            if os.path.exists(os.path.join(folder, PTH)) and
            _is_of(os.path.join(folder, MODULE + '.py'), tree)]


def _is_of(module, tree):
    text = _read(module)
    return (os.path.exists(module) if text is None
            else text == _MODULE_TEXT % tree)


def since(folder):
    """Return when the start-up files were written, in ISO 8601."""
    written = os.stat(os.path.join(folder, PTH)).st_mtime
    return datetime.datetime.fromtimestamp(written).astimezone().isoformat(
        timespec='seconds')
