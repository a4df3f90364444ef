# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Say, as JSON, which Heat this Python runs and whether the overlay is in it.

This file is started as a script by the Python that is asked about, with
``heat_overlay.environment`` reading what it prints.
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
    except ImportError as exc:
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
