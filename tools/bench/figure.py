# SPDX-License-Identifier: Apache-2.0

"""The figure and the tables of the documentation, from measured results.

``python -m tools.bench.figure RESULTS.json FOLDER`` writes performance.svg
and the tables performance-*.csv into the folder.
"""

import argparse
import csv
import json
import os

import matplotlib
from matplotlib import figure as mpl_figure

from tools.bench import goals
from tools.bench import tables

_SUBJECTS = (('heat', "Heat's own conversion", 's', '#b2400e'),
             ('load', 'Heat loads the stack', 'o', '#6b6b6b'),
             ('convert', 'this conversion', '^', '#0b5fa5'),
             ('floor', 'the floor', 'v', '#2e7d32'))
_FLAT = 'flat '


def draw(results, path):
    """Draw processor time against size, a panel for each database."""
    matplotlib.rcParams.update({'svg.fonttype': 'none',
                                'svg.hashsalt': 'bench', 'font.size': 9})
    flat = [result for result in results if not result['added_ms'] and
            result['heat'] == results[0]['heat'] and
            result['case'].startswith(_FLAT)]
    databases = list(dict.fromkeys(result['database'] for result in flat))
    figure = mpl_figure.Figure(figsize=(3 * len(databases), 3.4),
                               layout='constrained')
    panels = figure.subplots(1, len(databases), sharey=True, squeeze=False)[0]
    for panel, database in zip(panels, databases):
        _draw_panel(panel, database, [result for result in flat
                                      if result['database'] == database])
    panels[0].set_ylabel('processor time in ms, median')
    figure.legend(*panels[0].get_legend_handles_labels(), ncols=2,
                  loc='outside lower center', frameon=False)
    figure.savefig(path, metadata={'Date': None})


def _draw_panel(panel, database, results):
    for subject, label, marker, colour in _SUBJECTS:
        measured = [result for result in results if subject in result['costs']]
        panel.plot([int(result['case'][len(_FLAT):]) for result in measured],
                   [tables.median(result, subject) for result in measured],
                   marker=marker, color=colour, label=label, markersize=4,
                   linewidth=1.2)
    panel.set(title=tables.NAMES[database], xscale='log', yscale='log',
              xlabel='resources in the stack')
    panel.grid(True, which='major', linewidth=0.4, alpha=0.5)
    panel.spines[['top', 'right']].set_visible(False)


def main():
    parser = argparse.ArgumentParser(prog='python -m tools.bench.figure',
                                     description=__doc__)
    parser.add_argument('results', help='a file that tools.bench has written')
    parser.add_argument('folder', help='where to write')
    args = parser.parse_args()
    with open(args.results) as source:
        results = json.load(source)
    by_part = {part: [result for result in results if result['part'] == part]
               for part, _rows in tables.TABLES.values()}
    draw(by_part['tree'], os.path.join(args.folder, 'performance.svg'))
    rows = {name: table(by_part[part])
            for name, (part, table) in tables.TABLES.items()}
    rows['goals'] = goals.rows(results)
    for name, lines in rows.items():
        with open(os.path.join(args.folder, 'performance-%s.csv' % name),
                  'w', newline='') as target:
            csv.writer(target, lineterminator='\n').writerows(lines)


if __name__ == '__main__':
    main()
