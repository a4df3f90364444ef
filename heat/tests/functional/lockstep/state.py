# SPDX-License-Identifier: Apache-2.0

"""Compare two stacks after the same operations."""

import collections
import json

from heat.db import models
from heat.tests.functional.harness.plugins import lockstep
from heat.tests.functional.harness import trees
from heat.tests.functional.lockstep import oracle


def plain(text):
    """Hide the names of members of a scaling group, which are all equal."""
    return oracle.SHORT_ID.sub('member', text)


def calls_by_resource():
    """The calls of each resource, in order, sorted by resource."""
    groups = collections.defaultdict(list)
    for path, *call in lockstep.calls:
        groups[path].append(plain(json.dumps(call)))
    return sorted((tuple(map(plain, path)), seen)
                  for path, seen in groups.items())


def _paths(tree):
    above = {}
    for stack in tree.stacks:
        above[stack['id']] = above.get(stack['owner_id'], ()) + (
            (plain(stack['parent_resource_name']),)
            if stack['owner_id'] else ())
    return above, {row['id']: above[row['stack_id']] + (plain(row['name']),)
                   for row in tree.resources}


def requirements(database, identity):
    """Pairs of ids of resource rows: the first requires the second."""
    tree = trees.read(database, identity['stack_id'])
    return [(row['id'], needed) for row in tree.resources
            for needed in row['requires']]


def state(test, identity):
    """The values that must be equal for both stacks after each operation."""
    tree = trees.read(test.database, identity['stack_id'])
    stacks, paths = _paths(tree)
    current = {stack['id']: stack['raw_template_id']
               for stack in tree.stacks}
    return {
        'stacks': sorted(
            (stacks[row['id']], row['action'], row['status'],
             row['convergence'], row['prev_raw_template_id'] is not None)
            for row in tree.stacks),
        'resources': sorted(
            (paths[row['id']], row['action'], row['status'],
             sorted(str(paths.get(needed)) for needed in row['requires']),
             row['current_template_id'] == current[row['stack_id']],
             row['replaces'] is not None, row['replaced_by'] is not None,
             row['physical_resource_id'] is not None,
             sorted((item['key'], item['value']) for item in
                    test.database.rows(models.ResourceData,
                                       resource_id=row['id'])))
            for row in tree.resources),
        'outputs': sorted(
            (output['output_key'], plain(str(output.get('output_value'))))
            for output in test.heat.show_stack(
                test.ctx, identity)[0]['outputs'])}
