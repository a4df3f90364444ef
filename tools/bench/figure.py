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

_NAMES = {'mysql': 'MariaDB', 'postgresql': 'PostgreSQL', 'sqlite': 'SQLite'}
_SUBJECTS = (('heat', "Heat's own conversion", 's', '#b2400e'),
             ('load', 'Heat loads the stack', 'o', '#6b6b6b'),
             ('convert', 'this conversion', '^', '#0b5fa5'))
_REQUESTS = {'keystone': 'convergence, whole request',
             'noauth': 'the same without Keystone'}
_FLAT = 'flat '
_NO_BREAK = '\N{NO-BREAK SPACE}'


def _trees(results, added_ms=None):
    return [result for result in results if result['part'] == 'tree'
            and added_ms in (None, result['added_ms'])]


def draw(results, path):
    """Draw cost against size, a panel for each database."""
    matplotlib.rcParams.update({'svg.fonttype': 'none',
                                'svg.hashsalt': 'bench', 'font.size': 9})
    flat = [result for result in _trees(results, added_ms=0)
            if result['shape'].startswith(_FLAT)]
    databases = list(dict.fromkeys(result['database'] for result in flat))
    figure = mpl_figure.Figure(figsize=(3 * len(databases), 3.4),
                               layout='constrained')
    panels = figure.subplots(1, len(databases), sharey=True, squeeze=False)[0]
    for panel, database in zip(panels, databases):
        _draw_panel(panel, database, [result for result in flat
                                      if result['database'] == database])
    panels[0].set_ylabel('seconds, median')
    figure.legend(*panels[0].get_legend_handles_labels(), ncols=3,
                  loc='outside lower center', frameon=False)
    figure.savefig(path, metadata={'Date': None})


def _draw_panel(panel, database, results):
    sizes = [result['resources'] for result in results]
    for subject, label, marker, colour in _SUBJECTS:
        seconds = [result[subject]['seconds'] for result in results]
        middle = [of['median'] for of in seconds]
        panel.errorbar(
            sizes, middle, yerr=[
                [of['median'] - of['min'] for of in seconds],
                [of['max'] - of['median'] for of in seconds]],
            marker=marker, color=colour, label=label, markersize=4,
            linewidth=1.2, capsize=2)
    panel.set(title=_NAMES[database], xscale='log', yscale='log',
              xlabel='resources in the stack')
    panel.grid(True, which='major', linewidth=0.4, alpha=0.5)
    panel.spines[['top', 'right']].set_visible(False)


def _tree_rows(results):
    yield ['Database', 'Stack tree', 'Added ms', 'Statements',
           "Heat's own", 'Commands', "Heat's own", 'Seconds', "Heat's own",
           'Times faster', 'Of the time to load']
    for result in _trees(results):
        yield [_NAMES[result['database']],
               result['shape'].replace(' ', _NO_BREAK),
               '%g' % result['added_ms'],
               result['convert']['statements'], result['heat']['statements'],
               _trips(result['convert']), _trips(result['heat']),
               _seconds(result['convert']), _seconds(result['heat']),
               _spread(result['heat to convert'], '%.1f'),
               _spread(result['convert to load'], '%.2f')]


def _hook_rows(results):
    yield ['Database', 'Stack', 'Resources', 'Statements', 'Hook, ms',
           'Update call, ms', 'Ratio']
    for result in results:
        if result['part'] == 'hook':
            ratio, call = 'hook to update', 'update'
        elif result['part'] == 'update':
            ratio, call = 'hook to request', 'request'
        else:
            continue
        yield [_NAMES[result['database']],
               _REQUESTS.get(result.get('identity')) or result['stack'],
               result['resources'], result['hook']['statements'],
               '%.1f' % (result['hook']['seconds']['median'] * 1000),
               '%.0f' % (result[call]['seconds']['median'] * 1000),
               _spread(result[ratio], '%.3f')]


def _fleet_rows(results):
    yield ['Database', 'Stacks', 'A second, 1 worker', 'A second, 2 workers',
           'Ratio', 'Ratio, computing only', 'A second, one process each',
           'Peak MB']
    for result in results:
        if result['part'] == 'fleet':
            for fleet in result['drained']:
                yield _fleet_row(result, fleet)


def _fleet_row(result, fleet):
    rates = fleet['stacks a second']
    return [_NAMES[result['database']], fleet['stacks'],
            _spread(rates['1'], '%.0f'), _spread(rates['2'], '%.0f'),
            _spread(fleet['2 workers to 1'], '%.2f'),
            _spread(fleet['2 processes to 1'], '%.2f'),
            '%.2f' % (1 / result['alone']['median']),
            '%.0f' % fleet['peak MB']]


_TABLES = {'trees': _tree_rows, 'hook': _hook_rows, 'fleet': _fleet_rows}


def _trips(cost):
    return '' if cost['trips'] is None else cost['trips']


def _seconds(cost):
    return '%.3f' % cost['seconds']['median']


def _spread(values, form):
    return '%s%s(%s–%s)' % (form % values['median'], ' ',
                            form % values['min'], form % values['max'])


def main():
    parser = argparse.ArgumentParser(prog='python -m tools.bench.figure',
                                     description=__doc__)
    parser.add_argument('results', help='a file that tools.bench has written')
    parser.add_argument('folder', help='where to write')
    args = parser.parse_args()
    with open(args.results) as source:
        results = json.load(source)['results']
    draw(results, os.path.join(args.folder, 'performance.svg'))
    for name, rows in _TABLES.items():
        with open(os.path.join(args.folder, 'performance-%s.csv' % name),
                  'w', newline='') as target:
            csv.writer(target, lineterminator='\n').writerows(rows(results))


if __name__ == '__main__':
    main()
