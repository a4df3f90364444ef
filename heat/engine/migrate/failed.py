# SPDX-License-Identifier: Apache-2.0

"""Plan the conversion of stacks that are not COMPLETE: rows in, plan out.

A failed legacy stack has three templates. Its own template is *merged*: it
has the present definition of each resource. The *target* is the template of
its last update. The template of its *backup* stack has the old definitions.
The backup stack has the resources that the update replaced and did not delete
(heat.engine.update). Convergence keeps all rows in the stack itself. Each row
names the template that it was last updated to, here called its home.
"""

import collections
import dataclasses
import graphlib
import typing

from oslo_utils import uuidutils

from heat.common.migrate import exception as migrate_exception
from heat.engine.migrate import plan as migrate_plan

# After these actions the next update starts from the template of the last one.
_SWITCHING = ('UPDATE', 'RESTORE', 'ROLLBACK', 'CHECK', 'SUSPEND', 'RESUME',
              'SNAPSHOT')
_ACTIONS = _SWITCHING + ('CREATE', 'ADOPT', 'DELETE')

INTERRUPTED = 'The engine went down during the %s of this resource'
GIVEN_AWAY = 'Its replacement has taken over what this resource had'


class FailedResource(typing.NamedTuple):
    """A resource row of a :class:`FailedStack`, and what it will hold.

    ``replaces`` and ``replaced_by`` are ids of rows. ``status`` is the one
    to come; ``status_reason`` is None where the row keeps its own.
    """

    id: int
    name: str
    requires: tuple
    needed_by: tuple
    home_template_id: int
    replaces: int
    replaced_by: int
    status: str
    status_reason: str


@dataclasses.dataclass(frozen=True)
class FailedStack(migrate_plan.PlannedStack):
    """A stack that is not COMPLETE, or has a backup stack in use.

    ``current_template_id`` becomes its raw template; ``merged_template_id``
    is the one that it has. Rows at home in the template of the backup stack,
    ``copied_template_id``, get a copy of it: purge_deleted in heat.db.api
    deletes the original together with the backup stack.
    """

    action: str = None
    merged_template_id: int = None
    copied_template_id: int = None
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
    def state(self):
        return '%s_%s' % (self.action, self.status)

    def in_words(self):
        """Yield the special effects of this conversion, as parts of a line."""
        if self.restored:
            yield 'the template of the failed update is restored'
        yield from self.moved
        if self.restored:
            yield 'a rollback goes back to the template of the failed update'


def concerns(tree):
    """Whether only ``--failed`` converts a tree."""
    held = {row.stack_id for row in tree.resources}
    return any(row.id in held if row.backup else row.status != 'COMPLETE'
               for row in tree.stacks)


def name_the_option(refused, tree, locks):
    """Raise a refusal that names ``--failed``, if that would help.

    :param refused: what migrate_plan.check has refused the tree with
    """
    with_option = {
        migrate_exception.NotComplete: migrate_exception.NotCompleteYet,
        migrate_exception.BackupResources: migrate_exception.BackupInUse,
    }.get(type(refused))
    if with_option is None:
        return
    try:
        check(tree, locks)
    except migrate_exception.ConvergedBackup:
        # The other refusal advises an update, which would not help either.
        raise
    except migrate_exception.MigrationRefused:
        return
    raise with_option(**refused.kwargs) from refused


def check(tree, locks):
    """Refuse a tree that even ``--failed`` does not take, from its rows.

    :param tree: a heat.db.migrate.tree.Tree whose first stack is a root
    :param locks: {stack id: engine id} of the locked stacks
    :raises MigrationRefused: with the reason
    """
    backups = {row.id: row for row in tree.stacks if row.backup}
    for row in tree.stacks:
        if row.owner_id in backups:
            raise migrate_exception.StackInBackup(
                stack=migrate_plan.label(tree.root),
                nested=migrate_plan.label(row),
                backup=migrate_plan.label(backups[row.owner_id]))
        if not row.backup:
            _check_state(row, locks)
    _check_backups(tree, backups)
    if migrate_plan.to_change(tree, convergence=True):
        _check_converged_backups(tree, backups)
    for row in tree.stacks:
        if row.id in locks:
            raise migrate_exception.Locked(stack=migrate_plan.label(row),
                                           engine=locks[row.id])


def _check_state(row, locks):
    state = '%s_%s' % (row.action, row.status)
    if row.status == 'IN_PROGRESS':
        refused = (migrate_exception.InProgress
                   if row.convergence or row.id in locks
                   else migrate_exception.Interrupted)
        raise refused(stack=migrate_plan.label(row), action=row.action)
    if row.status == 'FAILED' and row.action in _ACTIONS:
        return
    if row.status != 'COMPLETE' or row.action in (None, 'DELETE'):
        raise migrate_exception.NotComplete(stack=migrate_plan.label(row),
                                            state=state)


def _check_backups(tree, backups):
    seen = set()
    for row in tree.resources:
        backup = backups.get(row.stack_id)
        if backup is None or _is_empty(row):
            continue
        key = backup.owner_id, row.name
        if key in seen:
            raise migrate_exception.TwoInBackup(
                stack=migrate_plan.label(tree.root), resource=row.name,
                backup=migrate_plan.label(backup))
        seen.add(key)


def _check_converged_backups(tree, backups):
    """Refuse rows that no plan would move: their owner is not planned."""
    converged = {row.id: row for row in tree.stacks if row.convergence}
    for row in tree.resources:
        backup = backups.get(row.stack_id)
        if backup and backup.owner_id in converged and not _is_empty(row):
            raise migrate_exception.ConvergedBackup(
                stack=migrate_plan.label(converged[backup.owner_id]),
                backup=migrate_plan.label(backup), resource='%s (%s)' % (
                    row.name, row.physical_resource_id))


def target_template_id(row):
    """Id of the raw template that a stack goes on from once converted."""
    if (row.status == 'FAILED' and row.action in _SWITCHING and
            row.prev_raw_template_id is not None):
        return row.prev_raw_template_id
    return row.raw_template_id


def make(tree, targets, templates):
    """Make the plan of a tree that :func:`check` found convertible.

    :param targets: {raw template id: its fields}, by the names of those of
        a StackRow, of the templates of last updates
    :param templates: what parses the template of a StackRow; an object with
        the methods ``requirements`` and ``definitions`` ({resource name: a
        value to compare}) and ``prepared`` (the names of resources that give
        something away to their replacement)
    :returns: a heat.engine.migrate.plan.Plan
    :raises MigrationRefused: when rows and templates do not fit together
    """
    members = migrate_plan.by_stack(tree.resources)
    stacks = []
    for row in migrate_plan.to_change(tree, convergence=True):
        backups = [other for other in tree.stacks
                   if other.backup and other.owner_id == row.id]
        old = [member for backup in backups for member in members[backup.id]]
        if row.status == 'COMPLETE' and not old:
            stacks.append(migrate_plan.plan_stack(
                row, members[row.id], templates.requirements(row)))
        else:
            stacks.append(_Planner(row, backups, targets, templates).plan(
                members[row.id], old))
    plan = migrate_plan.of_stacks(tree, tuple(stacks))
    return dataclasses.replace(
        plan, failed=tuple(stack for stack in stacks
                           if isinstance(stack, FailedStack)))


def _is_deleted(row):
    return (row.action, row.status) == ('DELETE', 'COMPLETE')


def _is_empty(row):
    """Whether a row of a backup stack holds nothing."""
    return _is_deleted(row) or (row.action == 'INIT' and
                                not row.physical_resource_id)


def _is_created(row):
    return row.action != 'INIT' and (row.action != 'CREATE' or
                                     row.status == 'COMPLETE')


class _Planner:
    """Plans one stack from its row and those of its backup stacks."""

    def __init__(self, row, backups, targets, templates):
        self._row = row
        self._merged = self._target = row
        target_id = target_template_id(row)
        if target_id != row.raw_template_id:
            self._target = self._with_template(target_id,
                                               targets.get(target_id))
        # As a template of the stack itself, which it is going to be.
        self._backup = next((self._with_template(
            backup.raw_template_id, backup._asdict())
            for backup in backups), None)
        self._templates = templates
        self._graphs = {}

    def _with_template(self, template_id, fields):
        names = ('template', 'environment', 'files', 'files_id')
        return self._row._replace(raw_template_id=template_id, **{
            name: fields and fields[name] for name in names})

    def plan(self, rows, old):
        """Plan the stack.

        :param rows: its resource rows
        :param old: the resource rows of its backup stacks
        """
        self._in_target = self._in_merged = self._in_backup = {}
        if rows or old:
            # The last of a stack to be deleted are its credentials.
            self._read_definitions()
        main, dropped = self._choose(rows)
        backed_up = {row.name: row for row in old if not _is_empty(row)}
        dropped += [row for row in old if _is_empty(row)]
        homes = self._find_homes(main, backed_up, dropped)
        main, backed_up = ({name: row for name, row in found.items()
                            if row.id in homes} for found in (main, backed_up))
        kept = [*main.values(), *backed_up.values()]
        requires = self._find_requires(kept, homes)
        self._check_order(main, backed_up, requires)
        return FailedStack(
            id=self._row.id, name=self._row.name, action=self._row.action,
            status=self._row.status,
            prev_raw_template_id=self._row.prev_raw_template_id,
            current_template_id=self._target.raw_template_id,
            merged_template_id=self._row.raw_template_id,
            copied_template_id=self._backup and self._backup.raw_template_id,
            current_traversal=uuidutils.generate_uuid(),
            resources=tuple(self._resources(main, backed_up, kept, homes,
                                            requires)),
            dropped=tuple(dropped),
            stored_edges=tuple(self._edges(main, backed_up, kept, homes,
                                           requires)),
            moved=tuple(_moved(row, main) for row in backed_up.values()))

    def _read_definitions(self):
        self._in_target = self._definitions(self._target)
        self._in_merged = (self._in_target if self._merged is self._target
                           else self._definitions(self._merged))
        self._in_backup = (self._definitions(self._backup) if self._backup
                           else {})

    def _definitions(self, row):
        try:
            return self._templates.definitions(row)
        except migrate_exception.InvalidTemplate:
            # No row has its home there; _graph raises if one must have it.
            return {}

    def _choose(self, rows):
        """The row for each name, and the rows without content to delete."""
        main, dropped = {}, []
        for row in sorted(rows, key=migrate_plan.worth):
            if _is_deleted(row) or (row.name in main and
                                    not row.physical_resource_id):
                dropped.append(row)
            elif row.name in main:
                self._refuse_orphan(row)
            else:
                main[row.name] = row
        return main, dropped

    def _refuse_orphan(self, row):
        raise migrate_exception.OrphanResources(
            stack=migrate_plan.label(self._row),
            resources='%s (%s)' % (row.name, row.physical_resource_id))

    def _find_homes(self, main, backed_up, dropped):
        """{row id: the StackRow with the template that a row is up to}."""
        back = self._taken_back(main, backed_up)
        homes = {}
        for row in main.values():
            homes[row.id] = self._home(row, row.name not in back)
        for row in backed_up.values():
            homes[row.id] = (self._target if row.name in back
                             else self._home_of_backup(row))
        for row in [*main.values(), *backed_up.values()]:
            if homes[row.id] is None:
                if row.physical_resource_id:
                    self._refuse_orphan(row)
                dropped.append(row)
                del homes[row.id]
        return homes

    def _taken_back(self, main, backed_up):
        """Names of the originals that a failed rollback was to bring back.

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
                } - self._prepared(backed_up)

    def _prepared(self, backed_up):
        if not (backed_up and self._in_backup):
            return set()
        return self._templates.prepared(self._backup)

    def _home(self, row, may_claim):
        name = row.name
        if name not in self._in_merged:
            return (self._target if name in self._in_target else
                    self._backup if name in self._in_backup else None)
        if self._merged is self._target:
            return self._target
        merged = self._in_merged[name]
        if (may_claim and row.status == 'COMPLETE' and
                self._in_target.get(name) == merged):
            return self._target
        return (self._backup if self._in_backup.get(name) == merged
                else self._merged)

    def _home_of_backup(self, row):
        return (self._backup if row.name in self._in_backup else
                self._merged if row.name in self._in_merged else None)

    def _graph(self, home):
        if home.raw_template_id not in self._graphs:
            self._graphs[home.raw_template_id] = self._templates.requirements(
                home, is_target=home is self._target)
        return self._graphs[home.raw_template_id]

    def _find_requires(self, rows, homes):
        """{row id: the set of the row ids that it requires}."""
        ids = collections.defaultdict(set)
        for row in rows:
            # Nothing can depend on a resource that was never created.
            if _is_created(row):
                ids[row.name].add(row.id)
        return {row.id: self._requires(row, homes[row.id], ids)
                for row in rows}

    def _requires(self, row, home, ids):
        if row.action == 'INIT':
            # A worker stores it when it creates the resource. Before, a
            # suspend would reach the row, and nothing would create it then.
            return set()
        return {required for name in self._graph(home).get(row.name, ())
                for required in ids[name]}

    def _check_order(self, main, backed_up, requires):
        """Refuse a circle, in which no delete could complete."""
        order = graphlib.TopologicalSorter(requires)
        for name, row in backed_up.items():
            if name in main:
                order.add(*sorted((row.id, main[name].id), reverse=True))
        try:
            order.prepare()
        except graphlib.CycleError:
            raise migrate_exception.CircularBackup(
                stack=migrate_plan.label(self._row))

    def _resources(self, main, backed_up, rows, homes, requires):
        prepared = self._prepared(backed_up)
        needed_by = collections.defaultdict(set)
        for requirer, required in requires.items():
            for row_id in required:
                needed_by[row_id].add(requirer)
        for row in sorted(rows):
            other = (backed_up if main.get(row.name) is row else main).get(
                row.name)
            is_old = backed_up.get(row.name) is row
            newer = other is not None and other.id > row.id
            status, reason = row.status, None
            if status == 'IN_PROGRESS':
                status, reason = 'FAILED', INTERRUPTED % row.action
            elif (is_old and other is not None and status == 'COMPLETE' and
                  row.name in prepared):
                status, reason = 'FAILED', GIVEN_AWAY
            yield FailedResource(
                row.id, row.name, _descending(requires[row.id]),
                _descending(needed_by[row.id]), homes[row.id].raw_template_id,
                replaces=other.id if other and not newer else None,
                # After a rollback the older row is the one in use.
                replaced_by=other.id if newer and is_old else None,
                status=status, status_reason=reason)

    def _edges(self, main, backed_up, rows, homes, requires):
        """Edges of the graph as an update stores it with its clean-up.

        See Stack._compute_convg_dependencies in heat.engine.stack.
        """
        chosen = {row.name: row.id for row in backed_up.values()
                  if row.name not in main or homes[row.id] is self._target}
        for name, row in main.items():
            chosen.setdefault(name, row.id)
        graph = self._graph(self._target) if rows else {}
        for name in sorted(chosen.keys() & graph.keys()):
            node = chosen[name], True
            required = sorted(chosen[other] for other in graph[name]
                              if other in chosen)
            yield from ((node, (other, True)) for other in required)
            if not required:
                yield node, None
        for row in sorted(rows):
            node = row.id, False
            yield from (((other, False), node)
                        for other in sorted(requires[row.id]))
            if not requires[row.id]:
                yield node, None
            if chosen.get(row.name) == row.id and row.name in graph:
                yield node, (row.id, True)
            if row.name in main and backed_up.get(row.name) is row:
                older, newer = sorted((row.id, main[row.name].id))
                yield (older, False), (newer, False)


def _descending(ids):
    return tuple(sorted(ids, reverse=True))


def _moved(row, main):
    """Say what a row of the backup stack becomes."""
    what = '%s (%s) of the backup stack' % (
        row.name, row.physical_resource_id or 'with no physical id')
    if row.name not in main:
        return what + ' becomes a resource of the stack'
    if main[row.name].id > row.id:
        return what + ' becomes the resource that %s replaces' % row.name
    return what + ' becomes the replacement of %s' % row.name
