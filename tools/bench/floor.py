# SPDX-License-Identifier: Apache-2.0

"""The lowest cost of a conversion: SQL by hand, on the driver.

It takes the locks, reads every column once, and writes the rows that the
converter writes. It checks nothing, and knows only templates of the benchmark.
None of its values needs an escape: their repr() is SQL.
"""

import json
import uuid

from heat.db import api as db_api

_CHUNK = 500  # resources that one UPDATE writes

_STACKS = (
    'WITH RECURSIVE tree (id) AS (SELECT id FROM stack WHERE id = %r '
    'UNION SELECT stack.id FROM stack JOIN tree ON owner_id = tree.id '
    'WHERE deleted_at IS NULL) '
    'SELECT stack.id, raw_template_id, template, stack.name, owner_id, action,'
    ' status, convergence, backup, current_traversal, prev_raw_template_id, '
    'stack.updated_at, environment, files_id FROM stack JOIN tree ON stack.id '
    '= tree.id JOIN raw_template ON raw_template.id = raw_template_id')

_RESOURCES = (
    'SELECT id, stack_id, name, nova_instance, action, status, engine_id, '
    'current_template_id, root_stack_id, updated_at FROM resource '
    'WHERE stack_id IN (%s)')

_EVENT = (
    "INSERT INTO event (stack_id, uuid, resource_action, resource_status, "
    "resource_name, physical_resource_id, resource_status_reason, "
    "resource_type) VALUES (%r, %r, 'MIGRATE', 'COMPLETE', %r, %r, "
    "'Converted', 'OS::Heat::Stack')")


def convert(stack_id):
    """Convert the tree of a root stack."""
    connection = db_api.get_engine().raw_connection()
    try:
        _convert(connection.cursor(), stack_id)
        connection.commit()
    finally:
        connection.close()


def _convert(cursor, root_id):
    cursor.execute(_STACKS % root_id)
    stacks = {row[0]: row[1:] for row in cursor.fetchall()}
    ids = _listed(stacks)
    cursor.execute('INSERT INTO stack_lock (stack_id, engine_id) VALUES '
                   + ', '.join("(%r, 'floor')" % key for key in stacks))
    cursor.execute(_RESOURCES % ids)
    numbers = {(stack_id, name): number
               for number, stack_id, name, *_ in cursor.fetchall()}
    requires = _requires(stacks, numbers)
    needed_by = {number: [] for number in requires}
    for number, others in requires.items():
        for other in others:
            needed_by[other].append(number)
    graphs = _graphs(stacks, numbers, requires, needed_by)
    traversals = {stack_id: str(uuid.uuid4()) for stack_id in stacks}
    cursor.execute('UPDATE stack SET convergence = true, current_traversal = '
                   '%s, current_deps = %s WHERE id IN (%s)'
                   % (_case('id', traversals), _case('id', graphs), ids))
    _write_resources(cursor, stacks, requires, needed_by)
    cursor.execute(_EVENT % (root_id, str(uuid.uuid4()), stacks[root_id][2],
                             root_id))
    cursor.execute('DELETE FROM stack_lock WHERE stack_id IN (%s)' % ids)


def _listed(values):
    return ', '.join(map(repr, values))


def _requires(stacks, numbers):
    # Many stacks have the same template.
    templates = {template: json.loads(template)['resources'].items()
                 for template in {row[1] for row in stacks.values()}}
    return {
        numbers[stack_id, name]: sorted(
            (numbers[stack_id, other] for other in _names(definition)),
            reverse=True)
        for stack_id, row in stacks.items()
        for name, definition in templates[row[1]]}


def _names(definition):
    """The names of the resources that a resource requires."""
    value = definition['properties'].get('value', {})
    return {*definition.get('depends_on', ()),
            *[reference['get_resource'] for reference in value.get('of', ())]}


def _graphs(stacks, numbers, requires, needed_by):
    edges = {stack_id: [] for stack_id in stacks}
    for (stack_id, _name), number in numbers.items():
        edges[stack_id] += [[[number, True], [other, True]]
                            for other in requires[number]]
        if not requires[number] and not needed_by[number]:
            edges[stack_id].append([[number, True], None])
    return {stack_id: json.dumps({'edges': found})
            for stack_id, found in edges.items()}


def _write_resources(cursor, stacks, requires, needed_by):
    templates = _case('stack_id', {key: row[0] for key, row in stacks.items()})
    numbers = list(requires)
    for start in range(0, len(numbers), _CHUNK):
        part = numbers[start:start + _CHUNK]
        lists = [_case('id', {number: str(found[number]) for number in part})
                 for found in (requires, needed_by)]
        cursor.execute('UPDATE resource SET current_template_id = %s, '
                       'requires = %s, needed_by = %s WHERE id IN (%s)'
                       % (templates, *lists, _listed(part)))


def _case(column, values):
    return 'CASE %s %s END' % (column, ' '.join(
        'WHEN %r THEN %r' % pair for pair in values.items()))
