# SPDX-License-Identifier: Apache-2.0

"""Compare a source file of Heat with what the overlay is tested with."""

import ast


def difference(source, path, names):
    """Return how a source differs from ``{qualified name: parameters}``.

    :param source: the content of the file, as bytes
    :param names: as in heat.overlay_releases.REFINED
    :returns: a clause that says how it differs, or None if it does not
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as exc:
        return 'its source file %s cannot be read (%s)' % (path, exc)
    found = dict(_definitions(tree.body))
    for name, expected in names.items():
        if name not in found:
            return 'it has no %s in %s' % (name, path)
        if expected is None:
            continue
        args = getattr(found[name], 'args', None)
        if args is None:
            return '%s in %s is not a function' % (name, path)
        actual = ast.unparse(args)
        if actual != expected:
            return ('%s in %s takes (%s), and the overlay is tested with (%s)'
                    % (name, path, actual, expected))
    return None


def _definitions(body, prefix=''):
    """Yield (qualified name, node) for what a module or class body defines."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield prefix + node.name, node
            yield from _definitions(node.body, prefix + node.name + '.')
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield prefix + target.id, node
