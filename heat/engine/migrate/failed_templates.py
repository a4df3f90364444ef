# SPDX-License-Identifier: Apache-2.0

"""Find the current template of each resource row of a failed stack.

A failed legacy stack has three templates. Its own template is *merged*: it
has the present definition of each resource. The *target* is the template of
its last update. The template of its *backup* stack has the old definitions
(heat.engine.update).
"""

from heat.common.migrate import exception as migrate_exception
from heat.engine.migrate import parameters as migrate_parameters

# After these actions the next update starts from the template of the last one.
SWITCHING = ('UPDATE', 'RESTORE', 'ROLLBACK', 'CHECK', 'SUSPEND', 'RESUME',
             'SNAPSHOT')

#: The fields of a StackRow that hold its template.
_CONTENT = ('template', 'environment', 'files', 'files_id')


def target_template_id(row):
    """Id of the raw template that a stack has once it is converted."""
    if (row.status == 'FAILED' and row.action in SWITCHING and
            row.prev_raw_template_id is not None):
        return row.prev_raw_template_id
    return row.raw_template_id


class RowTemplates:
    """The templates of one stack, and which of them its rows are up to.

    :param row: its StackRow
    :param backups: the StackRows of its backup stacks
    :param targets: {raw template id: its fields}, of last updates
    :param updated: ids of rows that the last update has updated
    :param templates: what parses a template; see
        heat.engine.migrate.failed.make
    :ivar target: the StackRow with the template that the stack will have
    :ivar backup: the StackRow with that of the backup stack, or None
    """

    def __init__(self, row, backups, targets, updated, templates):
        self._row = row
        self._updated = updated
        self._templates = templates
        self._graphs = {}
        self._merged = self.target = row
        last_id = row.prev_raw_template_id
        self._last = row if last_id is None else self._with_template(
            last_id, targets.get(last_id))
        if target_template_id(row) == last_id:
            self.target = self._last
        elif self.is_merged(self._last):
            # After an update that has ended, legacy keeps both.
            self._last = row
        # Its copy will belong to the stack itself.
        self.backup = next((self._with_template(
            backup.raw_template_id, backup._asdict())
            for backup in backups), None)
        self._in_target = self._in_merged = self._in_backup = {}

    def _with_template(self, template_id, fields):
        return self._row._replace(raw_template_id=template_id, **{
            name: fields and fields[name] for name in _CONTENT})

    def is_merged(self, row):
        """Whether a template has the content of the merged one."""
        return self._content(row) == self._content(self._merged)

    @staticmethod
    def _content(row):
        # The engine stores a new template before it encrypts parameters.
        return [migrate_parameters.decrypt(row.environment)] + [
            getattr(row, name) for name in _CONTENT if name != 'environment']

    def graph(self, row):
        """The requirements by name that the template of a StackRow has."""
        if row.raw_template_id not in self._graphs:
            self._graphs[row.raw_template_id] = self._read(
                self._templates.requirements, row,
                is_target=row is self.target)
        return self._graphs[row.raw_template_id]

    def _read(self, read, row, **options):
        """Call what reads a template; an error then says which one it is."""
        try:
            return read(row, **options)
        except migrate_exception.InvalidTemplate as exc:
            if row is self._merged is self.target:
                raise
            reason = (migrate_exception.InvalidLastTemplate
                      if row is self._last
                      else migrate_exception.InvalidMergedTemplate)
            raise reason(template=row.raw_template_id,
                         **exc.kwargs) from exc

    def last_graph(self):
        """The requirements by name that the last update was to bring."""
        return self.graph(self._last)

    def find(self, main, backed_up):
        """Find the template of each row; None if no template names it.

        :param main: {name: row} of the stack itself
        :param backed_up: {name: row} of its backup stacks
        :returns: {row id: the StackRow with its template}
        """
        self._read_definitions(backed_up)
        back = self._taken_back(main, backed_up)
        current = {row.id: self._current(row, row.name not in back)
                   for row in main.values()}
        current.update({row.id: self.target if row.name in back
                        else self._current_of_backup(row)
                        for row in backed_up.values()})
        return current

    def is_nested(self, name, row):
        """Whether a resource is a nested stack; None if that is unknown.

        :param row: the StackRow with the template of the resource
        """
        for of, definitions in ((self.target, self._in_target),
                                (self._merged, self._in_merged),
                                (self.backup, self._in_backup)):
            if of is row:
                return definitions[name].nested

    def prepared(self, backed_up):
        """Names of backed up rows whose replacement has taken something."""
        if not (backed_up and self._in_backup):
            return set()
        return self._templates.prepared(self.backup)

    def _read_definitions(self, backed_up):
        self._in_target = self._definitions(self.target)
        self._in_merged = (self._in_target if self._merged is self.target
                           else self._definitions(self._merged))
        if self.backup:
            try:
                self._in_backup = self._definitions(self.backup)
            except migrate_exception.InvalidMergedTemplate:
                # Rows of the stack itself also fit the merged template.
                if backed_up:
                    raise

    def _definitions(self, row):
        return self._read(self._templates.definitions, row)

    def _taken_back(self, main, backed_up):
        """Names of the original resources of a failed rollback.

        An update to the old template makes them the current resources again.
        It would destroy them if the row of their replacement named that
        template.
        """
        if (self._row.action, self._row.status) != ('ROLLBACK', 'FAILED'):
            return set()
        return {name for name, row in backed_up.items()
                if name in main and row.id < main[name].id and
                row.status == 'COMPLETE' and name in self._in_backup and
                self._in_backup[name] == self._in_target.get(name)
                } - self.prepared(backed_up)

    def _current(self, row, may_claim):
        name = row.name
        if name not in self._in_merged:
            return (self.target if name in self._in_target else
                    self.backup if name in self._in_backup else None)
        if self._merged is self.target:
            return self.target
        merged = self._in_merged[name]
        if (may_claim and row.status == 'COMPLETE' and
                name in self._in_target and
                (row.id in self._updated or
                 self._in_target[name] == merged)):
            return self.target
        return (self.backup if self._in_backup.get(name) == merged
                else self._merged)

    def _current_of_backup(self, row):
        return (self.backup if row.name in self._in_backup else
                self._merged if row.name in self._in_merged else None)
