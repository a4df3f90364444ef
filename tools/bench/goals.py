# SPDX-License-Identifier: Apache-2.0

"""The table of the goals: the earlier revision, this one, and the floor.

All of its figures are from MariaDB, the newest Heat, and one run.
"""

from tools.bench import tables

_TREES = {'flat 5': '12 commands, ratio 0.6',
          'flat 1000': 'Ratio 0.7, twice the floor',
          '100 nested x 10': 'Ratio 0.65',
          '2000 nested x 5': 'Ratio 0.55'}


def _cost(result, name, each=1):
    """Commands and processor time in words, for instance of one stack."""
    commands = tables.median(result, name, 'commands', each)
    cpu_ms = tables.median(result, name, each=each)
    return '%.3g command%s, %s ms' % (
        commands, '' if commands == 1 else 's',
        ('%.0f' if cpu_ms > 10 else '%.2g') % cpu_ms)


def _row(what, result, now, goal, in_words=_cost, floor='floor', **each):
    """A row of the costs before and now, the floor and their ratio.

    :param now: the contestant that is compared with the earlier revision
    :param in_words: a function for its cost
    """
    return [what, in_words(result, 'before', **each),
            in_words(result, now, **each),
            tables.ratio(result, now, 'before', form='%.2f'),
            in_words(result, floor, **each) if floor else '', goal]


def rows(results):
    """Yield the rows of the table."""
    found = {(result['part'], result['case'], result['added_ms']): result
             for result in results if result['database'] == 'mysql'
             and result['heat'] == results[0]['heat']}
    yield ['What', 'Before', 'Now', 'Ratio', 'Floor', 'Goal']
    for case, goal in _TREES.items():
        yield _row('One tree, ' + case.replace('x', '×'),
                   found['tree', case, 0], 'convert', goal)
    near, far = (found['batch', '100', added_ms] for added_ms in (0, 1))
    yield _row('A stack of 5 in a batch', near, 'batch', '1 command, 2 ms',
               each=100)
    yield from _rates(near, '', 6)
    yield from _rates(far, ', 1 ms added', 8)
    yield _hook(found['hook', 'convergence 10', 0])
    yield _import(found['start', 'import', 0])
    yield _row('A dry run of one stack', found['start', 'dry run', 0], 'now',
               '', _seconds, floor=None)
    yield _row('To read 100,000 root stacks', found['roots', '100000', 0],
               'now', '2 s', _commands_and_seconds, floor=None)


def _rates(result, where, goal):
    before, now, floor = (
        tables.shown('%.1f ms a stack', result, name, 'ms', 100)
        for name in ('before', 'batch', 'floor'))
    yield ['Rate of batches' + where, before, now,
           tables.ratio(result, 'before', 'batch', 'ms') + ' times', floor,
           '%d times' % goal]
    yield ['Median time that a batch locks a stack' + where, '',
           tables.shown('%.0f ms', result, 'batch', 'locked_ms'), '', '',
           '50 ms']


def _hook(result):
    costs = tables.beyond(result, 'read')['costs']
    # It does nothing but what the hook adds.
    costs['before'] = result['costs']['before']
    row = _row('The hook, convergence stack', {'costs': costs}, 'hook',
               '1 command, 0.15 ms', floor=None)
    # A time around zero has no ratio.
    row[3] = ''
    return row


def _import(result):
    more = tables.beyond(result, 'stock')
    before, now = (tables.shown('%.0f ms more', more, name)
                   for name in ('before', 'now'))
    return ['Import of the package heat', before, now, '', '', '10 ms more']


def _seconds(result, name):
    return '%.2f s' % tables.median(result, name, each=1000)


def _commands_and_seconds(result, name):
    return '%s, %s' % (tables.shown('%d commands', result, name, 'commands'),
                       tables.shown('%.1f s', result, name, each=1000))
