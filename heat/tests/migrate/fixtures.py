# SPDX-License-Identifier: Apache-2.0

"""Stacks in a database of their own, for tests of the converter."""

from heat.common import template_format
from heat.db.migrate import tree as migrate_tree
from heat.db import models
from heat.engine import environment
from heat.engine import stack as parser
from heat.engine import template

# Each is named by the shape of its dependencies.
TEMPLATES = {
    'empty': {},
    'lone': {'a': []},
    'chain': {'a': [], 'b': ['a'], 'c': ['b']},
    'diamond': {'a': [], 'b': ['a'], 'c': ['a'], 'd': ['b', 'c']},
}


def template_of(requirements, kind='GenericResourceType'):
    """A HOT template whose resources depend on each other as given.

    :param requirements: {resource name: names of the required resources}
    """
    return {'heat_template_version': '2018-08-31',
            'resources': {name: {'type': kind, 'depends_on': list(required)}
                          for name, required in requirements.items()}}


def create_legacy(context, snippet, name='legacy', parameters=None,
                  **kwargs):
    """Create a legacy stack with all its resources; returns heat's Stack."""
    if isinstance(snippet, str):
        snippet = template_format.parse(snippet)
    env = environment.Environment({'parameters': parameters or {}})
    stack = parser.Stack(context, name, template.Template(snippet, env=env),
                         **kwargs)
    stack.store()
    stack.create()
    # The legacy engine stores the end of a create when it releases the lock.
    stack.persist_state_and_release_lock('engine')
    return stack


def rows(context, stack_id):
    """The whole stack and resource rows of a tree, as dictionaries."""
    with migrate_tree.db_api.context_manager.reader.using(context) as session:
        tree = migrate_tree.read(session, stack_id)
        ids = [row.id for row in tree.stacks]
        return {
            model.__tablename__: [
                dict(row._mapping) for row in session.execute(
                    model.__table__.select().where(column.in_(ids))
                    .order_by(model.id))]
            for model, column in ((models.Stack, models.Stack.id),
                                  (models.Resource,
                                   models.Resource.stack_id))}
