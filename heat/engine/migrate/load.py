# SPDX-License-Identifier: Apache-2.0

"""Load Heat's Stack from a row that was read before."""

import json
import types

from heat.common import exception
from heat.common.i18n import _
from heat.common.migrate import exception as migrate_exception
from heat.engine import environment
from heat.engine.migrate import unhashed as migrate_unhashed
from heat.engine import stack as parser
from heat.objects import raw_template

# The key of the names of the encrypted parameters, in a stored environment.
_ENCRYPTED = environment.env_fmt.ENCRYPTED_PARAM_NAMES


def without_resources(context, row, label):
    """Load a stack as it is before any of its resources is stored.

    :param context: with the credentials to load the stack with
    :param row: the heat.db.migrate.rows.StackRow
    :param label: the stack in words, for the messages
    """
    stack = _load(context, row, label)
    stack._db_resources = {}
    return stack


def with_data(context, row, label):
    """Load a stack as it is stored, with the attributes of its resources.

    A plug-in may need an attribute that only an existing resource has. The
    legacy engine loads the attributes in the same way before it updates a
    stack (heat.engine.stack.Stack.update). The parameters are as for
    :func:`without_resources`.
    """
    stack = _load(context, row, label)
    stack._update_all_resource_data(for_resources=True, for_outputs=False)
    return stack


def _load(context, row, label):
    """Make Heat's Stack of the row."""
    if row.template is None:
        raise exception.NotFound(_('raw template with id %s not found')
                                 % row.raw_template_id)
    template = _raw_template(context, {
        'id': row.raw_template_id,
        'template': json.loads(row.template),
        'environment': json.loads(row.environment or 'null'),
        'files': json.loads(row.files or 'null'),
        'files_id': row.files_id}, label)
    stack = parser.Stack.load(context, stack=types.SimpleNamespace(
        **row._asdict(), raw_template=template, status_reason='',
        current_deps=None, deleted_at=None))
    migrate_unhashed.use(stack.t)
    return stack


def _raw_template(context, columns, label):
    """Make Heat's RawTemplate, with its parameters decrypted.

    :raises EncryptedParameters: when auth_encryption_key is not the one that
        they were encrypted with
    """
    try:
        return raw_template.RawTemplate.from_db_object(
            context, raw_template.RawTemplate(), columns)
    except (exception.InvalidEncryptionKey, ValueError) as exc:
        # The older of Heat's two encryption methods raises ValueError.
        stored = columns['environment']
        if not isinstance(stored, dict) or not stored.get(_ENCRYPTED):
            raise
        raise migrate_exception.EncryptedParameters(stack=label) from exc
