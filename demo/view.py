# SPDX-License-Identifier: Apache-2.0

"""What the demonstration reads from the database, and how it is shown."""

import dataclasses

import prettytable

from heat.tests.functional.harness import trees

_SHOWN = 12  # characters of an id; its end tells ids apart


@dataclasses.dataclass(frozen=True)
class View:
    """A stack tree at one moment, with names where the rows have ids.

    :ivar stacks: the rows of the stacks, by the names that lead to them.
    :ivar resources: the rows of the resources, likewise.
    """

    stacks: dict
    resources: dict

    def requires(self):
        """What each resource requires, as names.

        The members of the autoscaling group have random names, which are
        left out.
        """
        names = {row['id']: path[-1] for path, row in self.resources.items()}
        found = []
        for path, row in self.resources.items():
            path = ['*' if above == 'scaled' else name
                    for above, name in zip(('',) + path, path)]
            found.append((path, sorted(names[required] for required
                                       in row['requires'] or ())))
        return sorted(found)

    def physical_ids(self):
        return {path: row['physical_resource_id']
                for path, row in self.resources.items()}


def read(database, stack_id):
    """Read the tree below a root stack."""
    tree = trees.read(database, stack_id)
    paths = {stack_id: ()}
    stacks = {(): tree.stacks[0]}
    resources = {}
    below = {row['physical_resource_id']: row for row in tree.resources}
    # A nested stack is the physical resource of a resource above it, and
    # the tree is in the order of its levels.
    for stack in tree.stacks[1:]:
        above = below[stack['id']]
        paths[stack['id']] = paths[above['stack_id']] + (above['name'],)
        stacks[paths[stack['id']]] = stack
    for row in tree.resources:
        resources[paths[row['stack_id']] + (row['name'],)] = row
    return View(stacks, resources)


def _short(text):
    if text is None:
        return '-'
    return text if len(text) <= _SHOWN else '…' + text[-_SHOWN:]


def _table(title, columns, before, after, values):
    """Print two moments side by side."""
    table = prettytable.PrettyTable(title=title, align='l')
    table.field_names = [columns[0]] + [
        '%s %s' % (column, moment) for column in columns[1:]
        for moment in ('before', 'after')]
    for path in sorted(before | after):
        cells = zip(*(values(rows[path]) if path in rows else
                      ['gone'] * (len(columns) - 1)
                      for rows in (before, after)))
        table.add_row(['/'.join(path) or '(root)'] +
                      [cell for pair in cells for cell in pair])
    print(table, flush=True)


def show(before, after):
    """Print the stacks and the resources of two views side by side."""
    _table('Stacks', ('stack', 'convergence', 'traversal'),
           before.stacks, after.stacks,
           lambda row: [bool(row['convergence']),
                        _short(row['current_traversal'])])
    names = {row['id']: path[-1]
             for view in (before, after)
             for path, row in view.resources.items()}
    _table('Resources', ('resource', 'requires', 'physical id'),
           before.resources, after.resources,
           lambda row: [', '.join(sorted(names[required] for required
                                         in row['requires'] or ())) or '-',
                        _short(row['physical_resource_id'])])
