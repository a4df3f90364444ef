# SPDX-License-Identifier: Apache-2.0

"""The source of the overlay, for tests that compare it with other texts."""

import ast
import importlib
import pathlib
import sys

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]


def files():
    """Return the paths of the overlay's Python files, without the tests."""
    found = [path for package in ('heat', 'heat_overlay')
             for path in (CHECKOUT / package).rglob('*.py')]
    return sorted(path.relative_to(CHECKOUT) for path in found
                  if CHECKOUT / 'heat' / 'tests' not in path.parents)


def _nodes(kind):
    for path in files():
        for node in ast.walk(ast.parse((CHECKOUT / path).read_text())):
            if isinstance(node, kind):
                yield str(path), node


def strings():
    """Yield (path, text) of every string in the source."""
    for path, node in _nodes(ast.Constant):
        if isinstance(node.value, str):
            yield path, node.value


def calls(owner):
    """Yield (path, node) of the calls of methods of a global name."""
    for path, node in _nodes(ast.Call):
        function = node.func
        if (isinstance(function, ast.Attribute) and
                isinstance(function.value, ast.Name) and
                function.value.id == owner):
            yield path, node


def load_tool(name):
    """Load a module of the folder tools, which is no package."""
    folder = str(CHECKOUT / 'tools')
    # As for a script in the folder, which finds its neighbours.
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)
