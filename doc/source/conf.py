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

"""Sphinx configuration of the guides."""

from heat import overlay_releases


def _series(major):
    """Name the OpenStack series of a release of Heat: 22 is 2024.1."""
    years, second = divmod(int(major) - 22, 2)
    return '%s (%d.%d)' % (major, 2024 + years, second + 1)


project = 'Heat convergence migrate'
copyright = 'the Heat convergence migrate developers'

extensions = [
    'openstackdocstheme',
    'oslo_config.sphinxext',
    'reno.sphinxext',
    'sphinx.ext.graphviz',
    'sphinxcontrib.programoutput',
]

root_doc = 'index'
html_theme = 'openstackdocs'
openstackdocs_auto_name = False
openstackdocs_use_storyboard = False
# The one place that names them is the code.
rst_prolog = '.. |supported Heat| replace:: %s\n' % ', '.join(
    _series(major) for major in sorted(overlay_releases.TESTED, key=int))

man_pages = [
    ('reference/' + name, name, text, [], 1) for name, text in (
        ('heat-manage-convergence',
         'convert stacks between the engines of OpenStack Heat'),
        ('heat-overlay',
         'put the convergence overlay in front of OpenStack Heat'),
        ('heat-sandbox', 'run a whole OpenStack Heat in one process'))]
