# SPDX-License-Identifier: Apache-2.0

"""The values that the conversion of a failed stack writes."""

import dataclasses
import typing

from heat.common.migrate import text as migrate_text
from heat.engine.migrate import plan as migrate_plan


# The template that a stack gets back, by the action that failed. Other
# actions have no template of their own.
_TEMPLATES = {'UPDATE': 'the template of the failed update',
              'RESTORE': 'the template of the failed restore',
              'ROLLBACK': 'the template from before the failed update'}
_EARLIER = 'the template of the last update or rollback'


class FailedResource(typing.NamedTuple):
    """A resource row of a :class:`FailedStack`, with the values to write.

    ``replaces`` and ``replaced_by`` are ids of rows. ``status`` is the new
    status. ``status_reason`` is None if the row keeps its own.
    """

    id: int
    name: str
    requires: tuple
    needed_by: tuple
    current_template_id: int
    replaces: int
    replaced_by: int
    status: str
    status_reason: str


@dataclasses.dataclass(frozen=True)
class FailedStack(migrate_plan.PlannedStack):
    """A stack that is not COMPLETE, or has a backup stack in use.

    ``current_template_id`` becomes its raw template, in place of
    ``merged_template_id``. Rows that are up to the template of the backup
    stack, ``copied_template_id``, get a copy of it. The original is deleted
    together with the backup stack (purge_deleted in heat.db.api).
    ``same_template`` means that the two raw templates have the same content.
    ``stored_edges`` are pairs of nodes, as tuples. ``moved`` says in words
    what becomes of each row of the backup stack.
    """

    action: str = None
    merged_template_id: int = None
    copied_template_id: int = None
    same_template: bool = False
    stored_edges: tuple = ()
    moved: tuple = ()

    @property
    def left_template_ids(self):
        return {self.prev_raw_template_id, self.merged_template_id}

    @property
    def current_deps(self):
        return {'edges': [[list(requirer), required and list(required)]
                          for requirer, required in self.stored_edges]}

    @property
    def restored(self):
        """Whether the stack gets the template of its last update back."""
        return self.current_template_id != self.merged_template_id

    @property
    def new_template(self):
        """The template that the stack gets, in words; None if it has it."""
        if self.restored and not self.same_template:
            return _TEMPLATES.get(self.action, _EARLIER)

    @property
    def state(self):
        return '%s_%s' % (self.action, self.status)

    def in_words(self):
        """Yield the special effects of this conversion, as parts of a line."""
        if self.new_template:
            yield self.new_template + ' is restored'
        yield from self.moved
        if self.new_template:
            yield 'a rollback goes back to ' + self.new_template


def move_in_words(row, main):
    """Describe what a row of the backup stack becomes.

    :param main: the row of that name in the stack itself, or None
    """
    name = migrate_text.printable(row.name)
    what = '%s (%s) of the backup stack' % (name, migrate_text.printable(
        row.physical_resource_id or 'with no physical id'))
    if main is None:
        return what + ' becomes a resource of the stack'
    if main.id > row.id:
        return what + ' becomes the resource that %s replaces' % name
    return what + ' becomes the replacement of %s' % name
