# SPDX-License-Identifier: Apache-2.0

"""EngineService that converts a legacy stack before it updates it.

The EngineListener answers whether this engine has the protection.
"""

import copy
import pickle

from oslo_config import cfg
from oslo_log import log as logging
from oslo_messaging.rpc import dispatcher

from heat import overlay

# The installed module comes first: it is what the rest of this file refines.
_heat = overlay.installed(__name__)

from heat.common import context  # noqa: E402
from heat.common import exception  # noqa: E402
from heat.common.migrate import deadline as migrate_deadline  # noqa: E402
from heat.common.migrate import exception as migrate_exception  # noqa: E402
from heat.common.migrate import memory as migrate_memory  # noqa: E402
from heat.common.migrate import options as migrate_options  # noqa: E402
from heat.common.migrate import version as migrate_version  # noqa: E402
from heat.db.migrate import roots as migrate_roots  # noqa: E402
from heat.db.migrate import state as migrate_state  # noqa: E402
from heat.engine import convergence_migrate  # noqa: E402
from heat.engine.migrate import events as migrate_events  # noqa: E402
from heat.engine.migrate import failed_templates  # noqa: E402
from heat.engine.migrate import plan as migrate_plan  # noqa: E402
from heat.engine.migrate import race_protection  # noqa: E402
from heat.engine.migrate import refusals as migrate_refusals  # noqa: E402
from heat.engine.migrate import rpc_errors as migrate_rpc_errors  # noqa: E402
from heat.engine.migrate import stored_attributes  # noqa: E402
from heat.engine.migrate import timed_planning  # noqa: E402
from heat.engine import resource  # noqa: E402

LOG = logging.getLogger(__name__)

# The attribute of a request's context with the stack that Heat reads next.
_STACK = '_migrate_stack'

# With migrate_on_update_failed, a stack that is refused with one of these is
# tried again.
_FOR_FAILED = (migrate_exception.NotCompleteYet,
               migrate_exception.BackupInUse)


class EngineListener(_heat.EngineListener):
    """Heat's listener of one engine process, with one more RPC method."""

    def has_migrate_protection(self, ctxt):
        """Answer heat-manage whether this engine has migrate_protection."""
        return migrate_options.protects()


class EngineService(_heat.EngineService):
    """Heat's engine service, with the conversion on update."""

    def __init__(self, host, topic):
        super().__init__(host, topic)
        if migrate_options.migrates_on_update():
            # Heat forks its workers after this.
            migrate_memory.freeze()

    def start(self):
        super().start()
        if cfg.CONF.migrate_on_update and not cfg.CONF.convergence_engine:
            LOG.warning('migrate_on_update does nothing because '
                        'convergence_engine is false: converted stacks would '
                        'get legacy nested stacks. Set convergence_engine = '
                        'true as well.')
        elif migrate_options.migrates_on_update():
            _log_what_is_left()

    @context.request_context
    def update_stack(self, cnxt, stack_identity, *args, **kwargs):
        """Convert a legacy stack, then update it as Heat does."""
        unrecorded = None
        if migrate_options.migrates_on_update():
            unrecorded = self._convert_before_update(cnxt, stack_identity,
                                                     args, kwargs)
        try:
            return self._update_stack(cnxt, stack_identity, args, kwargs)
        finally:
            if unrecorded is not None:
                # The row of the stack is no longer locked: the update has
                # written it, too.
                migrate_refusals.after_update(cnxt, *unrecorded)

    def _update_stack(self, cnxt, stack_identity, args, kwargs):
        # Heat changes its arguments, which may be needed again. For a large
        # template deepcopy would take ten times as long.
        given = (pickle.dumps((args, kwargs)) if migrate_options.protects()
                 else None)
        try:
            return super().update_stack(cnxt, stack_identity, *args, **kwargs)
        except dispatcher.ExpectedException as exc:
            stack_id = stack_identity['stack_id']
            if given is None or not race_protection.lost_to_revert(
                    cnxt, stack_id, exc.exc_info[1]):
                raise
        # A signal that scales a group was answered before this update began.
        LOG.info('Stack %s was reverted while its update began: it is '
                 'updated as a legacy stack', stack_id)
        args, kwargs = pickle.loads(given)
        return super().update_stack(cnxt, stack_identity, *args, **kwargs)

    def _get_stack(self, cnxt, *args, **kwargs):
        """Read a stack as Heat does, unless the hook has just read it."""
        stack = vars(cnxt).pop(_STACK, None)
        if stack is not None:
            return stack
        return super()._get_stack(cnxt, *args, **kwargs)

    def _legacy_stack(self, cnxt, stack_identity):
        """Return the State of a stack that an update should convert, or None.

        Heat begins an update by reading the stack. This is that reading, with
        Heat's check whether this user may update the stack. Its error is the
        error of the update.
        """
        try:
            stack, state = migrate_state.get_with(
                cnxt, stack_identity['stack_id'],
                lambda: self._get_stack(cnxt, stack_identity))
        except exception.HeatException:
            raise
        except Exception:
            LOG.exception('Cannot tell whether stack %s is legacy; it is '
                          'updated without a conversion',
                          stack_identity['stack_id'])
            return None
        if _is_to_convert(state):
            return state
        # Heat reads the stack next.
        setattr(cnxt, _STACK, stack)

    def _convert_before_update(self, cnxt, stack_identity, args, kwargs):
        """Convert a legacy stack, or report why not.

        :returns: the State and the reason if the event could not be stored
        """
        deadline = migrate_deadline.Deadline(migrate_options.update_timeout())
        stack = self._legacy_stack(cnxt, stack_identity)
        if stack is None:
            return
        error = self._convert(cnxt, stack, deadline)
        if cfg.CONF.migrate_on_update_failed and isinstance(error,
                                                            _FOR_FAILED):
            error = self._check_update(
                cnxt, stack, deadline, lambda timed: self._prepare_update(
                    timed, stack_identity, *args, **kwargs))
            if _is_invalid(error):
                LOG.info('Stack %(stack)s stays legacy: its update is not '
                         'valid (%(error)s)', {'stack': stack.id,
                                               'error': type(error).__name__})
                return
            if error is None:
                error = self._convert(cnxt, stack, deadline, failed=True)
        if error is not None:
            return migrate_refusals.before_update(cnxt, stack, error)

    def _convert(self, cnxt, stack, deadline, **options):
        """Convert a stack; an error is returned, not raised.

        oslo.log adds an exception that is being handled to each log line.
        """
        try:
            convergence_migrate.convert(
                timed_planning.TimedContext.copy(
                    cnxt, deadline, migrate_plan.label(stack)),
                stack.id, stored_credentials=False, engine_id=self.engine_id,
                by=migrate_events.ON_UPDATE, **options)
        except Exception as exc:
            return exc

    def _check_update(self, cnxt, stack, deadline, prepare):
        """Let Heat check an update of the stack as if it were converted.

        With an invalid update the stack stays legacy: this conversion
        cannot be reverted, and the update reports its error itself. The
        check asks the cloud, so it has the deadline of the conversion.

        :param prepare: called with a context
        :returns: the error that the check ended with, or None
        """
        label = migrate_plan.label(stack)
        try:
            timed = timed_planning.TimedContext.copy(cnxt, deadline, label)
            timed_planning.call(timed, label, prepare, timed)
        except Exception as exc:
            return exc

    def _prepare_update(self, cnxt, stack_identity, template, params, files,
                        args, environment_files=None, files_container=None,
                        template_id=None):
        stack = _as_converted(cnxt, self._get_stack(cnxt, stack_identity))
        self.resource_enforcer.enforce_stack(stack, is_registered_policy=True)
        # Heat changes its arguments.
        given = copy.deepcopy((template, params, environment_files, files,
                               files_container, args))
        self._prepare_stack_updates(cnxt, stack, *given, template_id)

    @context.request_context
    def migrate_convergence_1(self, ctxt, stack_id):
        """Convert a root stack and everything below it to convergence.

        heat-manage calls it from any host, with or without this overlay. So
        it raises the exceptions that Heat's own method raises.
        """
        try:
            convergence_migrate.convert(ctxt, stack_id,
                                        engine_id=self.engine_id,
                                        by=migrate_events.BY_OPERATOR)
            return
        except Exception as exc:
            error = exc
        # oslo.log adds an exception that is being handled to each log line.
        _report_to_owner(ctxt, stack_id, error)
        if isinstance(error, migrate_exception.MigrationRefused):
            error = migrate_rpc_errors.to_heats(error)
        raise error


def _report_to_owner(context, stack_id, error):
    try:
        stack = migrate_state.get(context, stack_id)
    except Exception:
        LOG.exception('Cannot record why stack %s was left unchanged',
                      stack_id)
        return
    if stack is not None:
        migrate_refusals.for_operator(context, stack, error)


def _is_invalid(error):
    """Whether the update itself is invalid, and not only a service failed."""
    return (isinstance(error, (exception.HeatException, ValueError)) and
            not isinstance(error, migrate_exception.MigrationRefused))


def _as_converted(cnxt, row):
    """The stack with the template that a conversion gives it."""
    stack = _heat.parser.Stack.load(cnxt, stack=row)
    if row.convergence:
        # Only stacks below it are legacy: its template does not change.
        return stack
    template_id = failed_templates.target_template_id(row)
    if template_id != row.raw_template_id:
        stack.defn = stack.defn.clone_with_new_template(
            _heat.templatem.Template.load(cnxt, template_id),
            stack.identifier())
    stack.convergence = True
    return stack


def _log_what_is_left():
    try:
        left = migrate_roots.count_roots(context.get_admin_context())
    except Exception:
        LOG.exception('Cannot count the legacy stacks')
        return
    LOG.info('%(versions)s converts stacks on update; legacy root stacks '
             'left: %(left)d',
             {'versions': migrate_version.both(), 'left': left})


def _is_to_convert(stack):
    """Whether an update should convert the stack with this State."""
    if stack.owner_id or not stack.legacy:
        return False
    if stack.action in (_heat.parser.Stack.SUSPEND,
                        _heat.parser.Stack.DELETE):
        # Heat refuses these updates.
        return False
    projects = cfg.CONF.migrate_on_update_projects
    return not projects or stack.tenant in projects


# A subclass under this name would make ThreadGroupManager.__init__, which
# calls super(ThreadGroupManager, self), call itself.
_heat.ThreadGroupManager.start_with_acquired_lock = race_protection.operation(
    _heat.ThreadGroupManager.start_with_acquired_lock)
_heat.ThreadGroupManager.start_with_lock = race_protection.last_delete(
    _heat.ThreadGroupManager.start_with_lock)
_heat.worker.WorkerService.stop_traversal = race_protection.cancel(
    _heat.worker.WorkerService.stop_traversal)
_heat.worker.WorkerService._retrigger_replaced = race_protection.message(
    _heat.worker.WorkerService._retrigger_replaced)
_heat.stack_object.Stack.update_by_id = classmethod(race_protection.store(
    _heat.stack_object.Stack.update_by_id.__func__))
resource.Resource._store_with_lock = stored_attributes.late_lock(
    resource.Resource._store_with_lock)
_heat.EngineListener = EngineListener
_heat.EngineService = EngineService
