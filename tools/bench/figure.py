# SPDX-License-Identifier: Apache-2.0

"""The figure and the tables of the documentation, from measured results.

``python -m tools.bench.figure RESULTS.json FOLDER`` writes performance.svg
and performance-*.csv.
"""

import csv
import json
import pathlib
import sys

import matplotlib
from matplotlib import figure as mpl_figure

from tools.bench import goals
from tools.bench import tables

_CONTESTANTS = (('heat', "Heat's own conversion", 's', '#b2400e'),
                ('load', 'Heat loads the stack', 'o', '#6b6b6b'),
                ('convert', 'this conversion', '^', '#0b5fa5'),
                ('floor', 'the floor', 'v', '#2e7d32'))
_FLAT = 'flat '


def draw(results, path):
    """Draw processor time against size, a panel for each database."""
    matplotlib.rcParams.update({'svg.fonttype': 'none',
                                'svg.hashsalt': 'bench', 'font.size': 9})
    flat = {}
    for result in tables.of_part(results, 'tree'):
        if (not result['added_ms'] and result['case'].startswith(_FLAT)
                and result['heat'] == results[0]['heat']):
            flat.setdefault(result['database'], []).append(result)
    figure = mpl_figure.Figure(figsize=(3 * len(flat), 3.4),
                               layout='constrained')
    panels = figure.subplots(1, len(flat), sharey=True, squeeze=False)[0]
    for panel, database in zip(panels, flat):
        _draw_panel(panel, tables.NAMES[database], flat[database])
    panels[0].set_ylabel('processor time in ms, median')
    figure.legend(*panels[0].get_legend_handles_labels(), ncols=2,
                  loc='outside lower center', frameon=False)
    figure.savefig(path, metadata={'Date': None})


def _draw_panel(panel, title, results):
    for name, label, marker, colour in _CONTESTANTS:
        measured = [result for result in results if name in result['costs']]
        panel.plot([int(result['case'][len(_FLAT):]) for result in measured],
                   [tables.median(result, name) for result in measured],
                   marker=marker, color=colour, label=label, markersize=4,
                   linewidth=1.2)
    panel.set(title=title, xscale='log', yscale='log',
              xlabel='resources in the stack')
    panel.grid(True, which='major', linewidth=0.4, alpha=0.5)
    panel.spines[['top', 'right']].set_visible(False)


def main():
    source, folder = map(pathlib.Path, sys.argv[1:])
    results = json.loads(source.read_text())
    draw(results, folder / 'performance.svg')
    for name, rows in {**tables.TABLES, 'goals': goals.rows}.items():
        path = folder / ('performance-%s.csv' % name)
        with path.open('w', newline='') as target:
            csv.writer(target, lineterminator='\n').writerows(rows(results))


if __name__ == '__main__':
    main()
