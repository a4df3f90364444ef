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
man_pages = [
    ('reference/heat-manage', 'heat-manage-convergence',
     'convert stacks between the engines of OpenStack Heat', [], 1),
    ('reference/heat-overlay', 'heat-overlay',
     'put the convergence overlay in front of OpenStack Heat', [], 1),
]
