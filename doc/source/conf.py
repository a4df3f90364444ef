# SPDX-License-Identifier: Apache-2.0

"""Sphinx configuration of the guides."""

from docutils import nodes
from sphinx.util import logging
from sphinx.util.nodes import get_node_source

from heat import overlay_releases

LOG = logging.getLogger(__name__)


def _series(major):
    """Name the OpenStack series of a release of Heat: 22 is 2024.1."""
    years, second = divmod(int(major) - 22, 2)
    return '%s (%d.%d)' % (major, 2024 + years, second + 1)


project = 'Heat convergence migrate'
copyright = 'the Heat convergence migrate developers'

extensions = [
    'oslo_config.sphinxext',
    'reno.sphinxext',
    'sphinx.ext.graphviz',
    'sphinxarg.ext',
    'sphinxcontrib.programoutput',
]

root_doc = 'index'
# Quotes only: an option begins with two hyphens.
smartquotes_action = 'q'
html_theme = 'furo'
html_title = 'Heat convergence migrate'
html_show_sphinx = False
html_copy_source = False
# It would be empty.
html_use_index = False
html_static_path = ['_static']
html_css_files = ['site.css']
# Most blocks are what somebody types and what a command prints.
highlight_language = 'console'
graphviz_output_format = 'svg'
# So that site.css can give them the colours of a dark page.
graphviz_dot_args = ['-Gbgcolor=transparent']
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


def _check_first_cells(app, doctree):
    """Warn of a row that begins in the middle of a sentence.

    A simple table starts a new row at any text in its first column, so that a
    cell of two lines becomes two rows.
    """
    for row in doctree.findall(nodes.row):
        first = row.children[0]
        text = first.astext()
        from_csv = (get_node_source(row) or '').endswith('.csv')
        begins_within = text[:1].islower() and not from_csv and (
            not list(first.findall(nodes.literal)))
        if begins_within or text.endswith(','):
            LOG.warning('a row begins with %r: use a list-table', text,
                        location=row)


def _name_first_release(app, doctree):
    """Give the notes before the first tag its version; reno says 0.0.0."""
    for title in doctree.findall(nodes.title):
        if title.astext() == '0.0.0':
            title.replace_self(nodes.title('', '0.1.0'))


def _keep_options_whole(app, doctree):
    """Mark literals with options: a browser would break them at a hyphen."""
    for literal in doctree.findall(nodes.literal):
        if any(word.startswith('-') for word in literal.astext().split()):
            literal['classes'].append('options')


def setup(app):
    app.connect('doctree-read', _check_first_cells)
    app.connect('doctree-read', _name_first_release)
    app.connect('doctree-read', _keep_options_whole)
