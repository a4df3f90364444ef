# SPDX-License-Identifier: Apache-2.0

"""HeatTestCase finds the global environment of an installed Heat.

Heat's own class looks for it in the source tree of the tests. A wheel installs
it below the prefix of its environment.
"""

from importlib import metadata

from heat import overlay


def _environment_dir():
    for path in metadata.files('openstack-heat') or ():
        if path.match('etc/heat/environment.d/default.yaml'):
            return str(path.locate().resolve().parent)
    return '/etc/heat/environment.d'


_installed = overlay.installed(__name__)
# HeatTestCase sets only the default of the option.
_installed.cfg.CONF.set_override('environment_dir', _environment_dir())
