# SPDX-License-Identifier: Apache-2.0

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
