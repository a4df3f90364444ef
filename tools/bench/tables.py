# SPDX-License-Identifier: Apache-2.0

"""The tables of the documentation, from measured results."""

import statistics

NAMES = {'mysql': 'MariaDB', 'postgresql': 'PostgreSQL', 'sqlite': 'SQLite'}

_NO_BREAK = '\N{NO-BREAK SPACE}'


def median(result, subject, what='cpu_ms'):
    """The median of what was measured of a subject, None if it was not."""
    found = result['costs'].get(subject, {}).get(what, [None])
    return None if found[0] is None else statistics.median(found)


def _shown(form, *args, each=1):
    value = median(*args)
    return '' if value is None else form % (value / each)


def _commands(result, subject, each=1, form='%d'):
    return _shown(form, result, subject, 'commands', each=each)


def _cpu(result, subject, form='%.0f', each=1):
    return _shown(form, result, subject, each=each)


def ratio(result, this, that, what='cpu_ms', form='%.1f'):
    """The ratio of two subjects, each pair from one round."""
    costs = result['costs']
    if this not in costs or that not in costs:
        return ''
    ratios = [one / other for one, other in zip(costs[this][what],
                                                costs[that][what])]
    return '%s%s(%s–%s)' % (form % statistics.median(ratios), _NO_BREAK,
                            form % min(ratios), form % max(ratios))


def _where(result):
    release = result['heat'].split('.')[0]
    return '%s, Heat%s%s' % (NAMES[result['database']], _NO_BREAK, release)


def _case(result):
    return result['case'].replace(' ', _NO_BREAK)


def _trees(results):
    yield ['Database', 'Stack tree', 'Commands', "Heat's own", 'CPU ms',
           "Heat's own", 'Floor', 'Times less', 'Part of the load',
           'Times the floor']
    for result in results:
        if not result['added_ms']:
            yield [_where(result), _case(result),
                   _commands(result, 'convert'), _commands(result, 'heat'),
                   _cpu(result, 'convert'), _cpu(result, 'heat'),
                   _cpu(result, 'floor'), ratio(result, 'heat', 'convert'),
                   ratio(result, 'convert', 'load', form='%.2f'),
                   ratio(result, 'convert', 'floor')]


def _far(results):
    yield ['Database', 'Stack tree', 'Times faster', 'With 1 ms',
           'Part of the time to load', 'With 1 ms']
    near = {(_where(result), result['case']): result for result in results
            if not result['added_ms']}
    for far in results:
        both = near.get((_where(far), far['case'])), far
        if far['added_ms'] and both[0]:
            yield [_where(far), _case(far),
                   *[ratio(result, 'heat', 'convert', 'ms')
                     for result in both],
                   *[ratio(result, 'convert', 'load', 'ms', '%.2f')
                     for result in both]]


def _batch(results):
    yield ['Database', 'Added ms', 'Commands, one by one', 'In batches',
           'Floor', 'CPU ms, one by one', 'In batches', 'Floor',
           'Times the rate']
    for result in sorted(results, key=_where):
        each, subjects = int(result['case']), ('alone', 'batch', 'floor')
        yield [_where(result), '%g' % result['added_ms'],
               *[_commands(result, subject, each, '%.2g')
                 for subject in subjects],
               *[_cpu(result, subject, '%.1f', each) for subject in subjects],
               ratio(result, 'alone', 'batch', 'ms')]


def added(result, what, subject='hook'):
    """What the hook adds to Heat's reading, each pair from one round."""
    costs = result['costs']
    return [hook - read for hook, read in zip(
        costs[subject][what], costs['read'][what]) if hook is not None]


def _added(result, what, form):
    found = added(result, what)
    return form % statistics.median(found) if found else ''


def _hook(results):
    yield ['Database', 'Stack', 'Resources', 'Commands added', 'CPU ms added',
           'CPU ms before', 'Commands of the update call',
           'CPU ms of the update call']
    for result in results:
        yield [_where(result), *result['case'].split(),
               _added(result, 'commands', '%d'),
               _added(result, 'cpu_ms', '%.2f'),
               _cpu(result, 'before', '%.2f'),
               _commands(result, 'call'), _cpu(result, 'call')]


def _fleet(results):
    yield ['Database', 'Added ms', 'Stacks', 'Commands, each', 'CPU ms, each',
           'A second, 1 worker', 'A second, 2 workers', 'Ratio']
    for result in results:
        stacks = int(result['case'])
        yield [_where(result), '%g' % result['added_ms'], stacks,
               _commands(result, '1 worker', stacks, '%.2f'),
               _cpu(result, '1 worker', '%.1f', stacks),
               *['%.0f' % (1000 * stacks / median(result, workers, 'ms'))
                 for workers in ('1 worker', '2 workers')],
               ratio(result, '1 worker', '2 workers', 'ms')]


_ENGINES = {'stock': 'Heat without the overlay',
            'off': '``migrate_on_update`` off',
            'now': '``migrate_on_update``',
            'before, off': 'Before, ``migrate_on_update`` off',
            'before': 'Before, ``migrate_on_update``'}


def _memory(results):
    yield ['Engine', 'At start', 'Later']
    for result in results:
        for subject, label in _ENGINES.items():
            costs = result['costs'][subject]
            yield [label, *['%.0f to %.0f' % (min(found), max(found))
                            for found in (costs['start_mb'],
                                          costs['later_mb'])]]


#: {name: (the part that it is about, its rows)}
TABLES = {'trees': ('tree', _trees), 'far': ('tree', _far),
          'batch': ('batch', _batch), 'hook': ('hook', _hook),
          'fleet': ('fleet', _fleet), 'memory': ('memory', _memory)}
