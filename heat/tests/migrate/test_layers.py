# SPDX-License-Identifier: Apache-2.0

"""No module imports from a layer above its own."""

import ast

from heat.tests import common
from heat.tests import sources

# The layers from which the modules of a folder must not import.
FORBIDDEN = {
    'heat/common/migrate': ('heat.db', 'heat.objects', 'heat.engine',
                            'heat.rpc', 'heat.cmd', 'heat.sandbox'),
    'heat/db/migrate': ('heat.engine', 'heat.objects', 'heat.rpc',
                        'heat.cmd', 'heat.sandbox'),
    'heat/engine/migrate': ('heat.db', 'heat.cmd', 'heat.sandbox'),
    'heat/engine': ('heat.cmd', 'heat.sandbox'),
    'heat/cmd': ('heat.sandbox',),
}

# Modules with side effects; the others only compute. They read credentials and
# engine services, write events, and store the rows of stacks that lost a race.
DOING = {'heat/engine/migrate/credentials.py',
         'heat/engine/migrate/dead_engines.py',
         'heat/engine/migrate/events.py',
         'heat/engine/migrate/race_protection.py'}


def imported(path):
    """The names that a file imports anywhere: module or module.name."""
    for node in ast.walk(ast.parse((sources.CHECKOUT / path).read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield '%s.%s' % (node.module, alias.name)


def is_within(name, package):
    return name == package or name.startswith(package + '.')


def upward():
    """Yield (file, import) for each import that a layer must not have."""
    for path in sources.files():
        for folder, packages in FORBIDDEN.items():
            if not str(path).startswith(folder + '/'):
                continue
            for name in imported(path):
                if any(is_within(name, package) for package in packages):
                    yield str(path), name


class LayersTest(common.HeatTestCase):

    def test_nothing_is_imported_from_above(self):
        self.assertEqual([], [
            (path, name) for path, name in upward()
            if not (path in DOING and is_within(name, 'heat.db'))])

    def test_what_may_import_from_the_database_does(self):
        self.assertEqual(DOING, {path for path, _name in upward()})

    def test_there_are_modules_in_each_layer(self):
        files = [str(path) for path in sources.files()]
        for folder in FORBIDDEN:
            self.assertTrue(any(path.startswith(folder + '/')
                                for path in files), folder)
