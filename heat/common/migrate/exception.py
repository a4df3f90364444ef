# SPDX-License-Identifier: Apache-2.0

"""Why a stack was not converted to convergence (or back to legacy)."""

from oslo_db import exception as db_exception
from sqlalchemy import exc as sqlalchemy_exc

from heat.common import exception
from heat.common.i18n import _
from heat.common.migrate import text as migrate_text

#: What an access to the database may raise: oslo.db does not wrap all errors.
DATABASE_ERRORS = (db_exception.DBError, sqlalchemy_exc.SQLAlchemyError)


class MigrationRefused(exception.HeatException):
    """The reason why a stack stays unchanged.

    ``code`` is the reason as a word that programs can rely on. ``transient``
    means that nothing is wrong with the stack: the same conversion may
    succeed later.
    """

    code = 'error'
    transient = False
    msg_fmt = _("Stack %(stack)s is unchanged: %(error)s")
    #: Values for msg_fmt that several exceptions have in common.
    sentences = {'to_abandon': _(
        "To abandon, set enable_stack_abandon = true in the heat.conf of the "
        "engines and restart them; the policy is stacks:abandon.")}

    def __init__(self, **kwargs):
        """Take the values for msg_fmt; names in them may hold anything."""
        super().__init__(**{
            key: migrate_text.printable(value)
            if isinstance(value, str) else value
            for key, value in {**self.sentences, **kwargs}.items()})


class Unexpected(MigrationRefused):
    msg_fmt = _("Stack %(stack)s is unchanged: an unexpected %(error)s ended "
                "its conversion. See the log of the engine.")


class StackNotFound(MigrationRefused):
    code = 'not_found'
    msg_fmt = _("No stack with the id %(stack)s exists: give the id (not the "
                "name) of a stack that is not deleted.")


class StackGone(StackNotFound):
    code = 'gone'
    msg_fmt = _("Stack %(stack)s was deleted meanwhile: there is nothing to "
                "do for it any more.")


class NestedStack(MigrationRefused):
    code = 'nested'
    msg_fmt = _("Stack %(stack)s is nested: convert its root stack "
                "%(root)s, and everything below it is converted too.")


class DanglingStack(MigrationRefused):
    code = 'no_root'
    msg_fmt = _("Stack %(stack)s is nested, but no root stack is above it: "
                "its owner %(owner)s, or one above that, is gone or is "
                "nested in itself. No other stack has its physical "
                "resources. If nobody needs them, delete it: openstack stack "
                "delete %(id)s. If somebody does, abandon it: openstack "
                "stack abandon %(id)s. %(to_abandon)s")


class Adopted(DanglingStack):
    """A nested stack of an abandoned stack that was adopted again.

    Heat leaves the nested stacks of an abandoned stack, and adopting it
    creates others, with the same physical resources.
    """

    code = 'adopted'
    msg_fmt = _("Stack %(stack)s is nested in %(owner)s, which is gone. "
                "Do not delete it: other stacks share its physical "
                "resources. Abandon it: openstack stack abandon "
                "%(id)s.%(below)s "
                "Those others are: %(shared)s. %(to_abandon)s")


class UnreferencedNested(MigrationRefused):
    """A nested stack whose create timed out, so no resource names it."""

    code = 'unreferenced_nested'
    msg_fmt = _("Stack %(stack)s has the nested stack %(nested)s, which is "
                "%(state)s and which no resource of its owner %(owner)s "
                "names. No other stack has its physical resources. If nobody "
                "needs them, delete it: openstack stack delete %(id)s. If "
                "somebody does, convert with --ignore-unreferenced, which "
                "leaves it out.")


class UnreferencedShared(UnreferencedNested):
    """The same, but its physical resources are in use elsewhere."""

    msg_fmt = _("Stack %(stack)s has the nested stack %(nested)s, which is "
                "%(state)s and which no resource of its owner %(owner)s "
                "names. Do not delete it: other stacks share its physical "
                "resources. Convert with --ignore-unreferenced, which "
                "leaves it out, or abandon it: openstack stack abandon "
                "%(id)s. Those others are: %(shared)s. %(to_abandon)s")


class InProgress(MigrationRefused):
    code = 'in_progress'
    transient = True
    msg_fmt = _("Stack %(stack)s has %(action)s in progress: run the "
                "conversion again when it has completed.")


class ResourceInProgress(InProgress):
    msg_fmt = _("Resource %(resource)s of stack %(stack)s has %(action)s in "
                "progress: run the conversion again when it has completed. "
                "If nothing works on the stack, check it (openstack stack "
                "check), which ends that.")


class Interrupted(InProgress):
    """An operation whose engine died; it does not end by itself."""

    code = 'interrupted'
    transient = False
    msg_fmt = _("Stack %(stack)s has %(action)s in progress, but no engine "
                "works on it: start any engine, which makes the stack "
                "FAILED, and run the conversion again with --failed.")


class NotComplete(MigrationRefused):
    code = 'failed'
    msg_fmt = _("Stack %(stack)s is %(state)s: bring it to COMPLETE (for "
                "instance with a stack update) and run the conversion "
                "again.")


class NotCompleteYet(NotComplete):
    msg_fmt = _("Stack %(stack)s is %(state)s: bring it to COMPLETE (for "
                "instance with a stack update) and run the conversion "
                "again, or convert it as it is with heat-manage "
                "migrate-convergence-1 --failed.")


class Locked(MigrationRefused):
    code = 'locked'
    transient = True
    msg_fmt = _("Stack %(stack)s is locked by engine %(engine)s: run the "
                "conversion again when its operation has ended. The lock of "
                "an engine that is certainly dead is taken over.")


class LockedMeanwhile(Locked):
    msg_fmt = _("Stack %(stack)s was locked by an engine while it was being "
                "converted: run the conversion again when the operation of "
                "that engine has ended.")


class TreeChanged(MigrationRefused):
    code = 'changed'
    transient = True
    msg_fmt = _("Stack %(stack)s changed while it was being converted: "
                "run the conversion again.")


class OutOfTime(MigrationRefused):
    code = 'out_of_time'
    transient = True
    # An event, which the user of the stack reads, has 255 characters.
    msg_fmt = _("Stack %(stack)s is unchanged: its conversion took longer "
                "than %(seconds)s seconds (migrate_on_update_timeout). Run "
                "heat-manage migrate-convergence-1, which has no such limit.")


class BackupResources(MigrationRefused):
    code = 'backup_resources'
    msg_fmt = _("Stack %(stack)s has a backup stack %(backup)s with "
                "resources from an interrupted update in it: update the "
                "stack, which cleans them up, and run the conversion again.")


class BackupInUse(BackupResources):
    msg_fmt = _("Stack %(stack)s has resources from an interrupted update: "
                "update the stack, which cleans them up, and run the "
                "conversion again, or convert it as it is with heat-manage "
                "migrate-convergence-1 --failed. The backup stack %(backup)s "
                "has these resources.")


class StackInBackup(BackupResources):
    msg_fmt = _("Stack %(stack)s has a stack %(nested)s that belongs to its "
                "backup stack %(backup)s: update the stack, which cleans "
                "both up, and run the conversion again.")


class TwoInBackup(BackupResources):
    msg_fmt = _("Stack %(stack)s has more than one resource of one name in "
                "its backup stack %(backup)s: %(resources)s. An update would "
                "delete only one. Delete the others in the cloud if nothing "
                "uses them. Then set action = 'DELETE', status = 'COMPLETE' "
                "in their rows of the table resource, and run the conversion "
                "again.")


class ConvergedBackup(BackupResources):
    msg_fmt = _("Stack %(stack)s is a convergence stack, but its backup stack "
                "%(backup)s of the legacy engine holds the resource "
                "%(resource)s. No update deletes it. Delete it in the cloud "
                "if nothing uses it. Then set action = 'DELETE', "
                "status = 'COMPLETE' in its row of the table resource, and "
                "run the conversion again.")


class CircularBackup(BackupResources):
    msg_fmt = _("Stack %(stack)s and its backup stack have resources that "
                "depend on each other in a circle: update the stack, which "
                "cleans up the backup stack, and run the conversion again.")


class OrphanResources(MigrationRefused):
    code = 'orphan_resources'
    msg_fmt = _("Stack %(stack)s has resources that its template does not "
                "name, with a physical id: %(resources)s. Delete these in "
                "the cloud if nothing uses them. Then set action = 'DELETE', "
                "status = 'COMPLETE' in their rows of the table resource, "
                "and run the conversion again.")


class OtherType(OrphanResources):
    """A nested stack of a resource that has none, or the reverse."""

    msg_fmt = _("The physical resource of %(resource)s of stack %(stack)s is "
                "not of the type that its template and environment say: only "
                "one of the two is a nested stack. An update or a delete that "
                "failed has left that, and no operation of Heat's deletes it. "
                "Delete it if nothing uses it: a nested stack with openstack "
                "stack delete, anything else in the cloud. Then set action = "
                "'DELETE', status = 'COMPLETE' in the row of the resource in "
                "the table resource, and run the conversion again.")


class MissingResources(MigrationRefused):
    code = 'missing_resources'
    msg_fmt = _("The template of stack %(stack)s names resources that it "
                "does not have: %(resources)s. Update the stack, which "
                "creates them, and run the conversion again.")


class UnknownResourceType(MigrationRefused):
    code = 'unknown_resource_type'
    msg_fmt = _("Stack %(stack)s uses a resource type that this Heat does "
                "not have, %(type)s for resource %(resource)s: install its "
                "plug-in where the engines run, and run the conversion "
                "again.")


class ImplicitDependencies(MigrationRefused):
    code = 'implicit_dependencies'
    msg_fmt = _("The dependencies of resource %(resource)s of stack %(stack)s "
                "cannot be computed: %(error)s. Remove the cause, and run "
                "the conversion again.")


class InvalidTemplate(MigrationRefused):
    code = 'invalid_template'
    msg_fmt = _("The stored template of stack %(stack)s cannot be used: "
                "%(error)s. A stack update cannot repair it. If a plug-in for "
                "templates is missing, install it where the engines run. If "
                "the template is damaged, restore it from a backup of the "
                "database.")


class InvalidLastTemplate(InvalidTemplate):
    msg_fmt = _("The template of the last update of stack %(stack)s cannot be "
                "used: %(error)s. Update the stack with a whole template, not "
                "with --existing, and run the conversion again. If no update "
                "is possible, restore that template from a backup of the "
                "database.")


class InvalidMergedTemplate(InvalidTemplate):
    """A template that a failed update has merged from two."""

    msg_fmt = _("The stored template %(template)s of stack %(stack)s cannot "
                "be used: %(error)s. A failed update has merged it from two "
                "templates, and no stack update can repair it. Repair it in "
                "the table raw_template, and run the conversion again. If it "
                "has the version keys of two formats, remove the key of the "
                "last update. If it lacks a condition, add it with the value "
                "that it had. If it is damaged, restore it from a backup of "
                "the database.")


class RemovedFunction(MigrationRefused):
    code = 'invalid_template'
    msg_fmt = _("Resource %(resource)s of stack %(stack)s uses %(function)s, "
                "which the version of its stored template %(template)s does "
                "not have: a failed update has stored the version of another "
                "template. Update the stack with a whole template, not with "
                "--existing. If no update is possible, replace the function "
                "in that row of the table raw_template (for example Ref by "
                "get_resource). Then run the conversion again.")


class InterruptedTemplate(InvalidTemplate):
    """A template that an engine left when it died during an update.

    The template has the new definitions, and lacks the new conditions.
    """

    msg_fmt = _("Stack %(stack)s has %(action)s in progress, no engine works "
                "on it, and its stored template %(template)s cannot be used: "
                "%(error)s. No engine that starts can make such a stack "
                "FAILED. Repair the template in the table raw_template: if "
                "it lacks a condition, add it with the value true. Then "
                "start any engine, and run the conversion again with "
                "--failed.")


class ReplacedResource(MigrationRefused):
    code = 'replaced_resources'
    msg_fmt = _("Resource %(resource)s of stack %(stack)s is being replaced "
                "or was just replaced: update the stack, which cleans up "
                "after it, and run the command again.")


class InvalidParameters(MigrationRefused):
    code = 'invalid_parameters'
    msg_fmt = _("Stack %(stack)s has stored parameters that its template "
                "no longer allows: %(parameters)s. Update the stack "
                "with values that it allows.")


class EncryptedParameters(InvalidParameters):
    msg_fmt = _("Stack %(stack)s has stored parameters that cannot be "
                "decrypted: set auth_encryption_key in heat.conf to the key "
                "that they were stored with, and run the conversion again.")


class StillLegacy(MigrationRefused):
    code = 'legacy'
    msg_fmt = _("Stack %(stack)s is legacy, and only the rows of convergence "
                "stacks can be verified: convert it first.")


class RowsDiffer(MigrationRefused):
    code = 'rows_differ'
    msg_fmt = _("The rows of stack %(stack)s lack data that its next "
                "operation needs: %(findings)s. Add it with heat-manage "
                "migrate-convergence-1 --repair.")


class CircularDependencies(MigrationRefused):
    code = 'circular_dependencies'
    msg_fmt = _("Stack %(stack)s cannot be repaired: once the missing "
                "dependencies are added, these resources would require each "
                "other: %(resources)s. Run heat-manage revert-convergence-1 "
                "and then migrate-convergence-1 on the stack, which computes "
                "all dependencies again.")


class Credentials(MigrationRefused):
    code = 'credentials'
    msg_fmt = _("The stored credentials of stack %(stack)s cannot be used: "
                "%(error)s. Let its owner, or another member of its project, "
                "update it with migrate_on_update on. For another member "
                "Heat stores new credentials.")


class HasSnapshots(MigrationRefused):
    code = 'snapshots'
    msg_fmt = _("Stack %(stack)s has snapshots that were taken under "
                "convergence: %(snapshots)s. The legacy engine could not "
                "restore or delete their resources. Delete them first.")


class GraphTooLarge(MigrationRefused):
    """Heat could not store the graph: see heat.engine.migrate.graph_size."""

    code = 'graph_too_large'
    msg_fmt = _("Stack %(stack)s has too many dependencies for the database "
                "server: once converted, its next update sends %(size)d bytes "
                "in one statement, and max_allowed_packet is %(limit)d. Set "
                "max_allowed_packet to %(enough)d on every database server, "
                "restart the engines, and run the conversion again.")
