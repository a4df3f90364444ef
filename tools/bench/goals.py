# SPDX-License-Identifier: Apache-2.0

"""The table of the goals: the earlier revision, this one, and the floor.

All of its figures are from MariaDB, the newest Heat, and one run.
"""

import statistics

from tools.bench import tables

_TREES = {'flat 5': '12 commands, ratio 0.6',
          'flat 1000': 'Ratio 0.7, twice the floor',
          '100 nested x 10': 'Ratio 0.65',
          '2000 nested x 5': 'Ratio 0.55'}


class _Found:
    def __init__(self, results):
        self._results = {
            (result['part'], result['case'], result['added_ms']): result
            for result in results if result['database'] == 'mysql'
            and result['heat'] == results[0]['heat']}

    def get(self, part, case, added_ms=0):
        return self._results[part, case, added_ms]


def _cost(result, subject, each=1):
    """Commands and processor time in words, for instance of one stack."""
    return _in_words(tables.median(result, subject, 'commands') / each,
                     tables.median(result, subject) / each)


def _in_words(commands, cpu_ms):
    return '%.3g command%s, %s ms' % (
        commands, '' if commands == 1 else 's',
        ('%.0f' if cpu_ms > 10 else '%.2g') % cpu_ms)


def rows(results):
    """Yield the rows of the table."""
    found = _Found(results)
    yield ['What', 'Before', 'Now', 'Ratio', 'Floor', 'Goal']
    for case, goal in _TREES.items():
        result = found.get('tree', case)
        yield ['One tree, ' + case.replace('x', '×'),
               *[_cost(result, subject) for subject in ('before', 'convert')],
               tables.ratio(result, 'convert', 'before', form='%.2f'),
               _cost(result, 'floor'), goal]
    yield from _batches(found)
    yield _hook(found)
    yield from _processes(found)


def _batches(found):
    near, far = (found.get('batch', '100', added_ms) for added_ms in (0, 1))
    each = int(near['case'])
    yield ['A stack of 5 in a batch', _cost(near, 'before', each),
           _cost(near, 'batch', each),
           tables.ratio(near, 'batch', 'before', form='%.2f'),
           _cost(near, 'floor', each), '1 command, 2 ms']
    for result, where, goal in ((near, '', 6), (far, ', 1 ms added', 8)):
        yield ['Rate of batches' + where,
               *['%.1f ms a stack' % (tables.median(result, subject, 'ms')
                                      / each)
                 for subject in ('before', 'batch')],
               tables.ratio(result, 'before', 'batch', 'ms') + ' times',
               '%.1f ms a stack' % (tables.median(result, 'floor', 'ms')
                                    / each), '%d times' % goal]
        yield ['Median time that a batch locks a stack' + where, '',
               '%.0f ms' % tables.median(result, 'batch', 'locked_ms'), '',
               '', '50 ms']


def _hook(found):
    result = found.get('hook', 'convergence 10')
    before = result['costs']['before']
    costs = [(before['commands'], before['cpu_ms'])] + [
        [tables.added(result, what, subject) for what in (
            'commands', 'cpu_ms')] for subject in ('hook', 'floor')]
    before, now, floor = [
        _in_words(*map(statistics.median, cost)) for cost in costs]
    ratio = statistics.median(
        now / then for now, then in zip(costs[1][1], costs[0][1]))
    return ['The hook, convergence stack', before, now, '%.2f' % ratio, floor,
            '1 command, 0.15 ms']


def _processes(found):
    result = found.get('start', 'import')
    stock = result['costs']['stock']['cpu_ms']

    def more(subject):
        return '%.0f ms more' % statistics.median(
            one - other for one, other in zip(
                result['costs'][subject]['cpu_ms'], stock))

    yield ['Import of the package heat', more('before'), more('now'), '', '',
           '10 ms more']
    result = found.get('start', 'dry run')
    yield ['A dry run of one stack',
           *['%.2f s' % (tables.median(result, subject) / 1000)
             for subject in ('before', 'now')],
           tables.ratio(result, 'now', 'before', form='%.2f'), '', '']
    result = found.get('roots', '100000')
    yield ['To read 100,000 root stacks',
           *['%d commands, %.1f s' % (
               tables.median(result, subject, 'commands'),
               tables.median(result, subject) / 1000)
             for subject in ('before', 'now')],
           tables.ratio(result, 'now', 'before', form='%.2f'), '', '2 s']
