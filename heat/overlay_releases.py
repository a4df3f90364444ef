# SPDX-License-Identifier: Apache-2.0

"""The Heat releases that the overlay is tested with, and what it refines.

Everything that depends on the release of Heat belongs here. A release that
is not in ``TESTED``, or one in which something that the overlay builds on
looks otherwise, is left alone: see :func:`why_not`.
"""

import ast
import os
import typing


class Release(typing.NamedTuple):
    """What one release of Heat has and others have not.

    :ivar converged_actions: a convergence stack is suspended, resumed,
        checked and snapshotted by traversals, too; its snapshots have an
        action and rows in the table resource_snapshot. Before, all that is
        done as the legacy engine does it: under the stack lock, with
        snapshots in one piece, which are deleted together with their stack.
    """

    converged_actions: bool


#: The major releases of Heat that the overlay is tested with: 2024.1, 2025.1,
#: 2025.2, 2026.1 and 2026.2.
TESTED = {
    '22': Release(converged_actions=False),
    '24': Release(converged_actions=False),
    '25': Release(converged_actions=False),
    '26': Release(converged_actions=True),
    '27': Release(converged_actions=True),
}

#: {module: {qualified name: its parameters}}, the same in all of ``TESTED``.
#: The parameters are those of Heat's own source as :func:`ast.unparse` writes
#: them; ``None`` says only that the name has to be there.
REFINED = {
    'heat.engine.stack_lock': {
        'StackLock.acquire': 'self, retry=True',
    },
    'heat.objects.stack': {
        'Stack.update_by_id': 'cls, context, stack_id, values',
    },
    'heat.engine.service': {
        'ThreadGroupManager.start_with_lock':
            'self, cnxt, stack, engine_id, func, *args, **kwargs',
        'ThreadGroupManager.start_with_acquired_lock':
            'self, stack, lock, func, *args, **kwargs',
        'EngineService.start': 'self',
        'EngineService.update_stack':
            'self, cnxt, stack_identity, template, params, files, args, '
            'environment_files=None, files_container=None, '
            'template_id=None',
        'EngineService.migrate_convergence_1': 'self, ctxt, stack_id',
    },
    'heat.cmd.manage': {
        'command_opt': None,
        'add_command_parsers': 'subparsers',
        'do_migrate': '',
        'main': '',
    },
    'heat.cmd.status': {
        'Checks._upgrade_checks': None,
        'main': '',
    },
}


def of(version):
    """Return the :class:`Release` of a version of Heat, None if untested."""
    return TESTED.get(version.partition('.')[0])


def why_not(version, folder):
    """Tell why the overlay must not be put in front of an installed Heat.

    The source files are parsed, not imported: this runs at the start of every
    process that uses Heat, before the first module of Heat's is loaded.

    :param version: the version of the openstack-heat distribution, or None
        when it is not known.
    :param folder: the folder of the installed ``heat`` package.
    :returns: a clause that says why not, or None when all is as tested.
    """
    if version is None:
        return ('its version is unknown, no openstack-heat distribution was '
                'found for it')
    if of(version) is None:
        return ('the overlay is tested with Heat %s only'
                % ', '.join(sorted(TESTED)))
    for module, names in REFINED.items():
        path = os.path.join(folder, *module.split('.')[1:]) + '.py'
        reason = _difference(path, names)
        if reason is not None:
            return reason
    return None


def _difference(path, names):
    """Tell in what a source file differs from ``{qualified name: params}``."""
    try:
        with open(path, 'rb') as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError) as exc:
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
