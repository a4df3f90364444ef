# SPDX-License-Identifier: Apache-2.0

"""The results in words: a line of a table for each."""


def text(result):
    """One result as a line or two, by the part of the benchmark it is of."""
    return _PARTS[result['part']](result)


def _tree(result):
    return ('%(database)-10s %(added_ms)g ms  %(shape)-15s '
            '%(rows)4d rows  ' % result
            + '  '.join('%s %s' % (subject, _cost(result[subject]))
                        for subject in ('convert', 'heat', 'load'))
            + '  heat/convert %s  convert/load %s' % (
                _spread(result['heat to convert']),
                _spread(result['convert to load'])))


def _hook(result):
    return ('%(database)-10s hook on a %(stack)s stack of %(resources)d: '
            % result + _cost(result['hook'])
            + ', the update call %s' % _cost(result['update']))


def _update(result):
    return ('%(database)-10s %(identity)-8s hook on a convergence stack of '
            '%(resources)d: ' % result
            + '%s, the update request %.1f ms, ratio %s' % (
                _cost(result['hook']),
                result['request']['seconds']['median'] * 1000,
                _spread(result['hook to request'], '%.3f')))


def _fleet(result):
    return '\n'.join(
        ['%s, a heat-manage for each stack: %s s' % (
            result['database'], _spread(result['alone']))]
        + [_drained(fleet) for fleet in result['drained']])


def _drained(fleet):
    rates = fleet['stacks a second']
    return ('    fleet of %d: %s stacks a second with 1 worker, %s with 2 '
            '(ratio %s; of processes that only compute %s), peak %.0f MB' % (
                fleet['stacks'], _spread(rates['1'], '%.1f'),
                _spread(rates['2'], '%.1f'), _spread(fleet['2 workers to 1']),
                _spread(fleet['2 processes to 1']), fleet['peak MB']))


_PARTS = {'tree': _tree, 'hook': _hook, 'update': _update, 'fleet': _fleet}


def _cost(cost):
    trips = cost['trips']
    return '%d statements%s %.1f ms' % (
        cost['statements'], '' if trips is None else ', %d trips' % trips,
        cost['seconds']['median'] * 1000)


def _spread(values, form='%.2f'):
    """The median, with the lowest and the highest value."""
    return '%s [%s-%s]' % tuple(form % values[name]
                                for name in ('median', 'min', 'max'))
