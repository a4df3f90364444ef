# SPDX-License-Identifier: Apache-2.0

"""HeatTestCase finds the global environment of an installed Heat.

Heat's own looks for it in the source tree that the tests lie in. A wheel
puts it below the prefix of the environment that it is installed in.
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
