# SPDX-License-Identifier: Apache-2.0

"""The Heat releases that the overlay is tested with, and what it refines.

Everything that depends on the release of Heat belongs here. The overlay
refuses a release that is not in ``TESTED``, and a Python or SQLAlchemy that it
is not tested with. It also refuses a Heat whose refined functions have other
parameters. See :func:`why_not`.
"""

import hashlib
import os
import sys
import typing

from heat import overlay_digests


class Release(typing.NamedTuple):
    """The properties in which releases of Heat differ.

    :ivar converged_actions: traversals also suspend, resume, check and
        snapshot a convergence stack. Its snapshots have an action, and rows in
        the table resource_snapshot. Older releases do this as the legacy
        engine does, under the stack lock. Their snapshots are in one piece,
        and are deleted with their stack.
    """

    converged_actions: bool


#: The major releases of Heat that the overlay is tested with: 2024.1, 2024.2,
#: 2025.1, 2025.2, 2026.1 and 2026.2.
TESTED = {
    '22': Release(converged_actions=False),
    '23': Release(converged_actions=False),
    '24': Release(converged_actions=False),
    '25': Release(converged_actions=False),
    '26': Release(converged_actions=True),
    '27': Release(converged_actions=True),
}

#: The oldest and the newest Python that the overlay is tested with.
PYTHONS = ((3, 9), (3, 14))

#: The series of SQLAlchemy that the overlay is tested with.
SQLALCHEMY = ('1.4', '2.0', '2.1')

#: {module: {qualified name: its parameters}}, the same in all of ``TESTED``.
#: The parameters are those of Heat's own source as :func:`ast.unparse` writes
#: them; ``None`` means only that the name must exist.
REFINED = {
    'heat.engine.stack_lock': {
        'StackLock.acquire': 'self, retry=True',
    },
    'heat.engine.stack': {
        'Stack.converge_stack': None,
        'Stack.store': None,
        'Stack.rollback': 'self',
    },
    'heat.engine.worker': {
        'WorkerService.stop_traversal': 'self, stack',
        'WorkerService._retrigger_replaced':
            'self, is_update, rsrc, stack, check_resource',
    },
    'heat.engine.resource': {
        'Resource._store_with_lock': 'self, rs, lock',
    },
    'heat.objects.stack': {
        'Stack.update_by_id': 'cls, context, stack_id, values',
    },
    'heat.engine.service': {
        'ThreadGroupManager.start_with_lock':
            'self, cnxt, stack, engine_id, func, *args, **kwargs',
        'ThreadGroupManager.start_with_acquired_lock':
            'self, stack, lock, func, *args, **kwargs',
        'EngineListener.listening': 'self, ctxt',
        'EngineService.__init__': 'self, host, topic',
        'EngineService.start': 'self',
        'EngineService._get_stack':
            'self, cnxt, stack_identity, show_deleted=False',
        'EngineService.update_stack':
            'self, cnxt, stack_identity, template, params, files, args, '
            'environment_files=None, files_container=None, '
            'template_id=None',
        'EngineService._prepare_stack_updates':
            'self, cnxt, current_stack, template, params, '
            'environment_files, files, files_container, args, '
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


def why_not(version, folder, sqlalchemy=None):
    """Return why the overlay must not be active on an installed Heat.

    This runs at the start of every process that uses Heat, before any module
    of Heat's is loaded. A source file with a known digest is as tested. Any
    other file, for example one that a distribution has patched, is parsed.

    :param version: the version of the openstack-heat distribution, or None
        when it is not known.
    :param folder: the folder of the installed ``heat`` package.
    :param sqlalchemy: the version of SQLAlchemy, or None when it is not known.
    :returns: a clause that says why not, or None when all is as tested.
    """
    if version is None:
        return ('its version is unknown (no openstack-heat distribution was '
                'found for it)')
    if of(version) is None:
        return ('the overlay is tested with Heat %s only'
                % ', '.join(sorted(TESTED)))
    reason = _other_libraries(sqlalchemy)
    if reason is not None:
        return reason
    for module, names in REFINED.items():
        path = os.path.join(folder, *module.split('.')[1:]) + '.py'
        reason = _difference(module, path, names)
        if reason is not None:
            return reason
    return None


def _other_libraries(sqlalchemy):
    """Return which Python or SQLAlchemy is untested, or None."""
    oldest, newest = PYTHONS
    python = sys.version_info[:2]
    if not oldest <= python <= newest:
        return ('the overlay is tested with Python %d.%d to %d.%d only, and '
                'this is %d.%d' % (oldest + newest + python))
    if sqlalchemy and '.'.join(sqlalchemy.split('.')[:2]) not in SQLALCHEMY:
        return ('the overlay is tested with SQLAlchemy %s only, and %s is '
                'installed' % (', '.join(SQLALCHEMY), sqlalchemy))
    return None


def _difference(module, path, names):
    """Return how a source file differs from the tested one, or None."""
    try:
        with open(path, 'rb') as file:
            source = file.read()
    except OSError as exc:
        return 'its source file %s cannot be read (%s)' % (path, exc)
    digest = hashlib.sha256(source).hexdigest()
    if digest in overlay_digests.DIGESTS.get(module, ()):
        return None
    # Only here: to load the parser takes as long as everything else.
    from heat import overlay_source
    return overlay_source.difference(source, path, names)
