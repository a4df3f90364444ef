# SPDX-License-Identifier: Apache-2.0

"""The tables of the documentation, from measured results."""

import statistics

NAMES = {'mysql': 'MariaDB', 'postgresql': 'PostgreSQL', 'sqlite': 'SQLite'}

_NO_BREAK = '\N{NO-BREAK SPACE}'


def median(result, name, what='cpu_ms', each=1):
    """The median of what was measured of a contestant, or None."""
    found = result['costs'].get(name, {}).get(what, [None])
    return None if None in found else statistics.median(found) / each


def shown(form, *args, **kwargs):
    """As median, in text."""
    value = median(*args, **kwargs)
    return '' if value is None else form % value


def ratio(result, this, that, what='cpu_ms', form='%.1f'):
    """The ratio of two contestants, each pair from one round."""
    costs = result['costs']
    if this not in costs or that not in costs:
        return ''
    ratios = [one / other for one, other in zip(costs[this][what],
                                                costs[that][what])]
    return '%s%s(%s–%s)' % (form % statistics.median(ratios), _NO_BREAK,
                            form % min(ratios), form % max(ratios))


def beyond(result, base):
    """The same result with what each cost beyond another, in each round."""
    costs = result['costs']
    return {'costs': {name: {what: [
        None if cost is None else cost - least
        for cost, least in zip(found, costs[base][what])]
        for what, found in cost.items()} for name, cost in costs.items()}}


def of_part(results, part):
    return [result for result in results if result['part'] == part]


def _where(result):
    release = result['heat'].split('.')[0]
    return '%s, Heat%s%s' % (NAMES[result['database']], _NO_BREAK, release)


def _case(result):
    return result['case'].replace(' ', _NO_BREAK)


def _trees(results):
    yield ['Database', 'Stack tree', 'Commands', "Heat's own", 'CPU ms',
           "Heat's own", 'Floor', 'Times less', 'Part of the load',
           'Times the floor']
    for result in of_part(results, 'tree'):
        if not result['added_ms']:
            yield [_where(result), _case(result),
                   *[shown('%d', result, name, 'commands')
                     for name in ('convert', 'heat')],
                   *[shown('%.0f', result, name)
                     for name in ('convert', 'heat', 'floor')],
                   ratio(result, 'heat', 'convert'),
                   ratio(result, 'convert', 'load', form='%.2f'),
                   ratio(result, 'convert', 'floor')]


def _far(results):
    yield ['Database', 'Stack tree', 'Times faster', 'With 1 ms',
           'Part of the time to load', 'With 1 ms']
    trees = of_part(results, 'tree')
    near = {(_where(result), result['case']): result for result in trees
            if not result['added_ms']}
    for far in trees:
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
    for result in sorted(of_part(results, 'batch'), key=_where):
        yield [_where(result), '%g' % result['added_ms'],
               *[shown(form, result, name, what, int(result['case']))
                 for form, what in (('%.2g', 'commands'), ('%.1f', 'cpu_ms'))
                 for name in ('alone', 'batch', 'floor')],
               ratio(result, 'alone', 'batch', 'ms')]


def _hook(results):
    yield ['Database', 'Stack', 'Resources', 'Commands added', 'CPU ms added',
           'CPU ms before', 'Commands of the update call',
           'CPU ms of the update call']
    for result in of_part(results, 'hook'):
        added = beyond(result, 'read')
        yield [_where(result), *result['case'].split(),
               shown('%d', added, 'hook', 'commands'),
               shown('%.2f', added, 'hook'), shown('%.2f', result, 'before'),
               shown('%d', result, 'call', 'commands'),
               shown('%.0f', result, 'call')]


def _fleet(results):
    yield ['Database', 'Added ms', 'Stacks', 'Commands, each', 'CPU ms, each',
           'A second, 1 worker', 'A second, 2 workers', 'Ratio']
    for result in of_part(results, 'fleet'):
        stacks = int(result['case'])
        yield [_where(result), '%g' % result['added_ms'], stacks,
               shown('%.2f', result, '1 worker', 'commands', stacks),
               shown('%.1f', result, '1 worker', each=stacks),
               *['%.0f' % (1000 / median(result, workers, 'ms', stacks))
                 for workers in ('1 worker', '2 workers')],
               ratio(result, '1 worker', '2 workers', 'ms')]


_ENGINES = {'stock': 'Heat without the overlay',
            'off': '``migrate_on_update`` off',
            'now': '``migrate_on_update``',
            'before, off': 'Before, ``migrate_on_update`` off',
            'before': 'Before, ``migrate_on_update``'}


def _memory(results):
    yield ['Engine', 'At start', 'Later']
    for result in of_part(results, 'memory'):
        for name, label in _ENGINES.items():
            yield [label, *['%.0f to %.0f' % (min(found), max(found))
                            for found in result['costs'][name].values()]]


TABLES = {'trees': _trees, 'far': _far, 'batch': _batch, 'hook': _hook,
          'fleet': _fleet, 'memory': _memory}
