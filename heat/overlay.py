# SPDX-License-Identifier: Apache-2.0

"""Put the modules of this folder in front of the installed Heat.

``sys.modules`` always holds the *installed* module. A file here with the name
of one of Heat's loads the installed module, subclasses what it refines, and
rebinds these names in it.

The overlay is active as a whole or not at all. With a Heat that it is not
tested with, it loads none of its files, and the log says so in one line.
"""

import importlib.machinery
import importlib.util
import logging
import os
import re
import sys

from heat import overlay_interrupt
from heat import overlay_releases

# Not oslo.log: this runs before Heat sets it up. Until then Python writes
# errors to stderr.
LOG = logging.getLogger(__name__)

ROOT = os.path.dirname(os.path.realpath(__file__))

_REFUSAL = (
    'The convergence overlay is not active: Heat %(version)s in %(folder)s '
    'runs as the stock one, because %(reason)s. Install the release of '
    'heat-convergence-migrate that is made for this Heat, or disable the '
    'overlay (heat-overlay disable).')

_NO_HEAT = (
    'The convergence overlay in %s found no installed Heat to put itself in '
    'front of: install openstack-heat where %s finds it.')

# The metadata that pip, or a distribution, puts beside the package.
_DISTRIBUTION = r'(?i)%s-([^-]+?)(?:-py[\d.]+)?\.(?:dist|egg)-info$'

_refusal = None
_release = None


def _is_ours(entry):
    # A second copy is no installed Heat either, for example a checkout in
    # PYTHONPATH beside an enabled wheel.
    path = os.path.realpath(entry)
    return ((path + os.sep).startswith(ROOT + os.sep) or
            os.path.isfile(os.path.join(path, 'heat', 'overlay.py')))


def _find(name):
    parent = name.rpartition('.')[0]
    entries = sys.modules[parent].__path__ if parent else sys.path
    path = [entry for entry in entries if not _is_ours(entry)]
    return importlib.machinery.PathFinder.find_spec(name, path)


def installed(name):
    """Execute the installed module ``name`` and leave it in sys.modules.

    :raises ModuleNotFoundError: when Heat has no such module.
    """
    spec = _find(name)
    if spec is None:
        raise ModuleNotFoundError('No installed module named %r' % name,
                                  name=name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def extend(name):
    """Load the installed package ``name`` and search our folder first.

    :returns: the installed package, which stays in ``sys.modules``.
    """
    package = installed(name)
    folder = os.path.join(ROOT, *name.split('.')[1:])
    package.__path__ = [folder] + list(package.__path__)
    return package


def put_in_front():
    """Put this folder in front of the installed Heat, if it is a tested one.

    :raises ImportError: when no Heat is installed.
    """
    global _refusal, _release
    spec = _find('heat')
    if spec is None or spec.origin is None:
        raise ImportError(_NO_HEAT % (ROOT, sys.executable), name='heat')
    folder = os.path.dirname(spec.origin)
    version = _version('openstack-heat', folder)
    reason = overlay_releases.why_not(version, folder,
                                      _version('sqlalchemy', folder))
    if reason is None:
        package = extend('heat')
        _release = overlay_releases.of(version)
    else:
        package = installed('heat')
        _refusal = _REFUSAL % {'version': version or '(unknown)',
                               'folder': folder, 'reason': reason}
        LOG.error(_refusal)
    package.overlay = sys.modules[__name__]
    package.overlay_interrupt = overlay_interrupt
    package.overlay_releases = overlay_releases


def refusal():
    """Return why the overlay is not active, None if it is.

    :returns: the line that was logged.
    """
    return _refusal


def release():
    """Return the properties of the installed release of Heat.

    :returns: an overlay_releases.Release, or None if the overlay is not
        active.
    """
    return _release


def _version(name, folder):
    """The version of a distribution installed beside a heat folder.

    :param name: its name, in small letters.
    """
    beside = os.path.dirname(folder)
    pattern = re.compile(_DISTRIBUTION % name.replace('-', '[_-]'))
    found = [match[1] for match in map(pattern.match, os.listdir(beside))
             if match]
    # To load importlib.metadata takes longer than everything else here.
    return found[0] if len(found) == 1 else _version_from_metadata(
        name, beside)


def _version_from_metadata(name, beside):
    from importlib import metadata
    # The distribution beside the package first: sys.path may hold others.
    path = [beside] + sys.path
    for found in metadata.distributions(name=name, path=path):
        return found.version
    return None
