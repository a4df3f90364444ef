# SPDX-License-Identifier: Apache-2.0

"""Draw what the demo shows before and after the conversion, as an SVG file.

Example: ./run_demo.sh | .venv/bin/python tools/demo_picture.py
"""

import io
import pathlib
import re
import sys

from rich import console
from rich import text

PICTURE = pathlib.Path(__file__).resolve().parent.parent / (
    'doc/source/_static/demo.svg')
WIDTH = 105  # columns


def shown(lines):
    """Give the user's update, its first event, and the two tables."""
    begin = lines.index('== The user updates the stack')
    update, event = (next(line for line in lines[begin:] if sign in line)
                     for sign in ('$ openstack stack update',
                                  'MIGRATE_COMPLETE'))
    tables = lines.index('== The stack before and after')
    # Without its time and id.
    yield from (update, event[event.index('['):], '')
    for line in lines[tables + 1:]:
        if not line.startswith(('+', '|')):
            return
        yield line


def draw(lines):
    """Return the lines as SVG, in the monospace font of the reader."""
    paper = console.Console(record=True, width=WIDTH, file=io.StringIO())
    for line in lines:
        styled = text.Text(line)
        styled.highlight_regex(r'\bFalse\b', 'yellow')
        styled.highlight_regex(r'\bTrue\b|MIGRATE_COMPLETE', 'bold green')
        paper.print(styled, overflow='ignore', no_wrap=True, crop=True)
    svg = paper.export_svg(title='./run_demo.sh')
    # The fonts would be loaded from another server.
    return re.sub(r'@font-face\s*{[^}]*}', '', svg)


if __name__ == '__main__':
    PICTURE.write_text(draw(shown(sys.stdin.read().splitlines())))
    print(PICTURE)
