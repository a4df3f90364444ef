# SPDX-License-Identifier: Apache-2.0

"""Print as JSON which Heat this Python has, and if the overlay is active.

The Python in question runs this file as a script. ``heat_overlay.environment``
reads the output.
"""

from importlib import metadata
import json
import os
import site
import sys
import sysconfig


def report():
    """Return a dict about this Python, its Heat and the overlay in it."""
    purelib = sysconfig.get_path('purelib')
    answer = {
        'python': {'version': '%d.%d.%d' % sys.version_info[:3],
                   'location': sys.executable},
        'purelib': purelib,
        # Where Python reads start-up files.
        'site_dirs': sorted({purelib, site.getusersitepackages(),
                             *site.getsitepackages()}),
        'active': False,
        'refusal': None,
        'overlay': None,
        'heat': None,
    }
    try:
        import heat
    except (ImportError, OSError) as exc:
        answer['refusal'] = str(exc)
        return answer
    try:
        version = metadata.version('openstack-heat')
    except metadata.PackageNotFoundError:
        version = None
    answer['heat'] = {'version': version,
                      'location': os.path.dirname(heat.__file__)}
    overlay = sys.modules.get('heat.overlay')
    if overlay is not None:
        answer['overlay'] = os.path.dirname(overlay.ROOT)
        answer['refusal'] = overlay.refusal()
        answer['active'] = overlay.refusal() is None
    return answer


if __name__ == '__main__':
    print(json.dumps(report()))
