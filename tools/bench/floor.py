# SPDX-License-Identifier: Apache-2.0

"""The lowest cost of a conversion: SQL by hand, on the driver.

It takes the locks, reads every column once, and writes the rows that the
converter writes. It checks nothing, and knows only templates of the benchmark.
"""

import json
import uuid

_TREE = ('WITH RECURSIVE tree (id) AS (SELECT id FROM stack WHERE id = %s '
         'UNION SELECT stack.id FROM stack JOIN tree ON owner_id = tree.id '
         'WHERE deleted_at IS NULL) ')

_STACKS = _TREE + ('SELECT stack.id, stack.name, owner_id, action, status, '
                   'convergence, backup, current_traversal, raw_template_id, '
                   'prev_raw_template_id, stack.updated_at, template, '
                   'environment, files_id FROM stack JOIN tree ON stack.id = '
                   'tree.id JOIN raw_template ON raw_template.id = '
                   'raw_template_id')

_RESOURCES = _TREE + ('SELECT resource.id, stack_id, name, '
                      'nova_instance, action, status, engine_id, '
                      'current_template_id, root_stack_id, updated_at FROM '
                      'resource JOIN tree ON stack_id = tree.id')


def convert(engine, stack_id):
    """Convert the tree of a root stack.

    :param engine: of SQLAlchemy, for a connection of its pool
    """
    connection = engine.raw_connection()
    try:
        _convert(_Cursor(connection.cursor(), engine.dialect), stack_id)
        connection.commit()
    finally:
        connection.close()


class _Cursor(object):
    def __init__(self, cursor, dialect):
        self._cursor = cursor
        self._mark = '?' if dialect.paramstyle == 'qmark' else '%s'
        self.true = '1' if dialect.name == 'sqlite' else 'true'

    def execute(self, statement, *values):
        self._cursor.execute(statement.replace('%s', self._mark), values)

    def rows(self, statement, *values):
        self.execute(statement, *values)
        return self._cursor.fetchall()


def _convert(cursor, root_id):
    stacks = cursor.rows(_STACKS, root_id)
    locked = ', '.join(['(%s, %s)'] * len(stacks))
    ids = [row[0] for row in stacks]
    cursor.execute('INSERT INTO stack_lock (stack_id, engine_id) VALUES '
                   + locked, *[value for key in ids
                               for value in (key, 'floor')])
    members = {}
    for row in cursor.rows(_RESOURCES, root_id):
        members.setdefault(row[1], {})[row[2]] = row[0]
    known, graphs, requires, needed_by = {}, {}, {}, {}
    for row in stacks:
        names = known.get(row[11])
        if names is None:
            names = known[row[11]] = _requirements(json.loads(row[11]))
        numbers = members[row[0]]
        edges = graphs[row[0]] = []
        for name, required in names.items():
            number = numbers[name]
            keys = requires[number] = sorted(
                (numbers[other] for other in required), reverse=True)
            needed_by.setdefault(number, [])
            for key in keys:
                needed_by.setdefault(key, []).append(number)
                edges.append([[number, True], [key, True]])
        named = {node[0] for edge in edges for node in edge}
        edges += [[[number, True], None] for number in numbers.values()
                  if number not in named]
    _write(cursor, root_id, stacks, graphs, requires, needed_by)
    cursor.execute('DELETE FROM stack_lock WHERE stack_id IN (%s)'
                   % ', '.join(['%s'] * len(ids)), *ids)


def _requirements(template):
    return {name: set(definition.get('depends_on', ())) | set(
        _referred(definition.get('properties')))
        for name, definition in template['resources'].items()}


def _referred(value):
    if isinstance(value, dict):
        for key, item in value.items():
            if key == 'get_resource':
                yield item
            else:
                yield from _referred(item)
    elif isinstance(value, list):
        for item in value:
            yield from _referred(item)


def _write(cursor, root_id, stacks, graphs, requires, needed_by):
    cases = ' '.join(['WHEN %s THEN %s'] * len(stacks))
    values = [value for row in stacks
              for value in (row[0], str(uuid.uuid4()))]
    values += [value for row in stacks for value in (
        row[0], json.dumps({'edges': graphs[row[0]]}))]
    cursor.execute(
        'UPDATE stack SET convergence = %s, current_traversal = CASE id %s '
        'END, current_deps = CASE id %s END WHERE id IN (%s)' % (
            cursor.true, cases, cases, ', '.join(['%s'] * len(stacks))),
        *values, *[row[0] for row in stacks])
    templates = ' '.join("WHEN '%s' THEN %d" % (row[0], row[8])
                         for row in stacks)
    numbers = list(requires)
    for start in range(0, len(numbers), 500):
        part = numbers[start:start + 500]
        cursor.execute(
            'UPDATE resource SET current_template_id = CASE stack_id %s END, '
            'requires = CASE id %s END, needed_by = CASE id %s END WHERE id '
            'IN (%s)' % (templates, _lists(part, requires),
                         _lists(part, needed_by), ', '.join(map(str, part))))
    cursor.execute(
        "INSERT INTO event (stack_id, uuid, resource_action, "
        "resource_status, resource_name, physical_resource_id, "
        "resource_status_reason, resource_type) VALUES (%s, %s, 'MIGRATE', "
        "'COMPLETE', %s, %s, 'Converted', 'OS::Heat::Stack')",
        root_id, str(uuid.uuid4()), stacks[0][1], root_id)


def _lists(numbers, lists):
    return ' '.join("WHEN %d THEN '%s'" % (number, lists[number])
                    for number in numbers)
