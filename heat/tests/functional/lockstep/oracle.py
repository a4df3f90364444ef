# SPDX-License-Identifier: Apache-2.0

"""Read the rows of a stack tree in a form to compare two stacks.

Ids, UUIDs and random names are replaced. A stack has the names of the
resources that lead to it from the root stack. A resource has those of its
stack and its own name.
"""

import json
import re

import sqlalchemy

from heat.db import models
from heat.tests.functional.harness import trees

# See heat.common.short_id.
SHORT_ID = re.compile('[a-z2-7]{12}')

# Columns that differ between any two stacks or creates: ids, names with random
# parts, times, and how often a row was written.
STACK_IGNORED = frozenset((
    'id', 'name', 'owner_id', 'parent_resource_name', 'raw_template_id',
    'user_creds_id', 'current_traversal', 'current_deps', 'created_at',
    'updated_at'))
RESOURCE_IGNORED = frozenset((
    'id', 'uuid', 'name', 'stack_id', 'root_stack_id', 'rsrc_prop_data_id',
    'physical_resource_id', 'current_template_id', 'requires', 'needed_by',
    'created_at', 'updated_at', 'atomic_key', 'rsrc_metadata',
    # A cache of attribute values, which the legacy engine does not keep.
    'attr_data_id'))


def comparable(database, stack_id):
    """Read a tree of convergence stacks.

    :param database: a ``databases.Database``.
    :returns: {path of names: values of a stack or resource}. The column
        needed_by is left out, because Heat leaves it empty.
    """
    tree = trees.read(database, stack_id)
    plain = _without_short_ids(tree)
    paths = {}
    for stack in tree.stacks:
        above = paths.get(stack['owner_id'], ())
        paths[stack['id']] = above + (
            plain(stack['parent_resource_name'] or ''),)
    names = {row['id']: paths[row['stack_id']] + (plain(row['name']),)
             for row in tree.resources}
    stacks = {stack['id']: stack for stack in tree.stacks}
    result = {}
    for stack in tree.stacks:
        result[paths[stack['id']]] = _stack(database, stack, names, plain)
    for row in tree.resources:
        result[names[row['id']]] = _resource(
            database, row, names, stacks[row['stack_id']], tree.stacks[0])
    return result


def inverse(tree):
    """The inverse of the requirements.

    :param tree: a ``trees.Tree``.
    :returns: {resource id: ids of the resources that require it}
    """
    return {row['id']: sorted((other['id'] for other in tree.resources
                               if row['id'] in other['requires']),
                              reverse=True)
            for row in tree.resources}


def needed_by(tree):
    """The column needed_by of the rows."""
    return {row['id']: row['needed_by'] for row in tree.resources}


def _without_short_ids(tree):
    """Give the members of scaling groups, all alike, names like 'member0'.

    :returns: a function that replaces the names within a text.
    """
    members = {}
    for stack in tree.stacks:
        # Each group counts its own: there may be several.
        members.update((name, 'member%d' % number) for number, name in
                       enumerate(sorted(
                           row['name'] for row in tree.resources
                           if row['stack_id'] == stack['id'] and
                           SHORT_ID.fullmatch(row['name']))))

    def plain(text):
        return SHORT_ID.sub(
            lambda found: members.get(found[0], found[0]), text)
    return plain


def _kept(row, ignored):
    return {name: value for name, value in row.items() if name not in ignored}


def _stack(database, row, names, plain):
    def node(value):
        return value and (names[value[0]], value[1])

    template, = database.rows(models.RawTemplate, id=row['raw_template_id'])
    files = database.rows(models.RawTemplateFiles, id=template['files_id'])
    return dict(
        _kept(row, STACK_IGNORED),
        has_traversal=bool(row['current_traversal']),
        edges=sorted(((node(requirer), node(required)) for requirer, required
                      in row['current_deps']['edges']), key=str),
        current_deps=sorted(row['current_deps']),
        updated=row['updated_at'] is not None,
        template=plain(json.dumps((template['template'],
                                   template['environment']),
                                  sort_keys=True)),
        parent_resource_name=plain(row['parent_resource_name'] or ''),
        files=[row['files'] for row in files],
        sync_points=_sync_points(database, row['id']))


def _sync_points(database, stack_id):
    with database.engine.connect() as connection:
        return connection.scalar(
            sqlalchemy.select(sqlalchemy.func.count())
            .select_from(models.SyncPoint)
            .where(models.SyncPoint.stack_id == stack_id))


def _resource(database, row, names, stack, root):
    properties = database.rows(models.ResourcePropertiesData,
                               id=row['rsrc_prop_data_id'])
    return dict(
        _kept(row, RESOURCE_IGNORED),
        is_of_root=row['root_stack_id'] == root['id'],
        has_physical_id=bool(row['physical_resource_id']),
        has_template=row['current_template_id'] == stack['raw_template_id'],
        requires={names[required] for required in row['requires']},
        requires_is_sorted=row['requires'] == sorted(row['requires'],
                                                     reverse=True),
        updated=row['updated_at'] is not None,
        # Not the values, which hold random names and times.
        metadata=sorted(row['rsrc_metadata'] or ()),
        properties=[sorted(row['data'] or ()) for row in properties],
        data={item['key'] for item in database.rows(
            models.ResourceData, resource_id=row['id'])})
