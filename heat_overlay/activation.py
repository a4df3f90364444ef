# SPDX-License-Identifier: Apache-2.0

"""Collect and format the report of heat-overlay status."""

from importlib import metadata
import os

import heat_overlay
from heat_overlay import environment
from heat_overlay import readable
from heat_overlay import startup

ACTIVE, NOT_ACTIVE, REFUSED = 0, 1, 2


def collect(python=None):
    """Find out whether Heat runs with the overlay.

    :param python: argument list that starts the Python that Heat runs in.
    :returns: the dict of ``probe.report`` with ``tested``, ``since`` and
        ``means``, the list of what activates the overlay.
    :raises OverlayError: when that Python does not work.
    """
    answer = environment.ask(python)
    if not answer['active'] and not answer['refusal']:
        # Find out whether it would be active in front of Heat.
        answer['refusal'] = environment.ask(
            python, environment.with_overlay())['refusal']
    tree = answer['overlay'] or heat_overlay.tree()
    enabled = startup.enabled(answer['site_dirs'], tree)
    means = ['start-up file in %s' % folder for folder in enabled]
    if tree in environment.python_path():
        means.insert(0, 'PYTHONPATH')
    hidden = None
    if answer['heat'] and (answer['active'] or
                           means and not answer['refusal']):
        hidden = readable.unreadable(
            answer['heat']['location'], os.path.join(tree, 'heat'),
            *[path for folder in enabled for path in startup.paths(folder)])
    return {
        'active': answer['active'],
        'unreadable': hidden,
        'means': means,
        'since': startup.since(enabled[0]) if enabled else None,
        'tested': answer['refusal'] is None,
        'refusal': answer['refusal'],
        'heat': answer['heat'],
        'overlay': {'version': _version(tree), 'location': tree},
        'python': answer['python'],
    }


def _version(tree):
    # This distribution has not installed another tree.
    if tree != heat_overlay.tree():
        return None
    try:
        return metadata.version('heat-convergence-migrate')
    except metadata.PackageNotFoundError:
        return None


def exit_status(status):
    """Return 0 for active, 1 for not active and 2 for refused or hidden."""
    if status['active']:
        # It is active for this user only; the engine may run as another user.
        return REFUSED if status['unreadable'] else ACTIVE
    # Only an overlay in front of Heat can be refused.
    return REFUSED if status['means'] or not status['heat'] else NOT_ACTIVE


def as_text(status):
    """Return the lines that heat-overlay status prints."""
    state = {ACTIVE: 'active', NOT_ACTIVE: 'not active',
             REFUSED: 'refused'}[exit_status(status)]
    heat = status['heat'] or {'version': 'none', 'location': '-'}
    rows = [
        ('Overlay', state),
        ('By', ', '.join(status['means']) or '-'),
        ('Since', status['since'] or '-'),
        ('Heat', '%s in %s' % (heat['version'], heat['location'])),
        ('Tested with this Heat', 'yes' if status['tested'] else 'no'),
        ('heat-convergence-migrate', '%s in %s' % (
            status['overlay']['version'] or 'a checkout',
            status['overlay']['location'])),
        ('Python', '%(version)s at %(location)s' % status['python']),
    ]
    if status['unreadable']:
        rows.append(('Reason', 'other users cannot read %s, and the engine '
                     'may run as one of them' % status['unreadable']))
    if status['refusal']:
        rows.append(('Reason', status['refusal']))
    return ['%-25s %s' % (name + ':', value) for name, value in rows]
