# SPDX-License-Identifier: Apache-2.0

"""heat-status with the upgrade checks of the conversion to convergence."""

import os

from oslo_upgradecheck import upgradecheck

from heat import overlay

# The installed module comes first: it is what the rest of this file refines.
_heat = overlay.installed(__name__)

from heat.cmd.migrate import database  # noqa: E402
from heat.cmd.migrate import errors  # noqa: E402
from heat.common import context  # noqa: E402
from heat.common.i18n import _  # noqa: E402
from heat.common.migrate import version as migrate_version  # noqa: E402
from heat.db.migrate import counts as migrate_counts  # noqa: E402
from heat import overlay_releases  # noqa: E402


class Checks(_heat.Checks):
    """Heat's upgrade checks, and ours."""

    def _check_legacy_stacks(self):
        """Warn while there are stacks that the legacy engine has to run."""
        try:
            with database.database_errors():
                tallies = migrate_counts.tally(context.get_admin_context())
        except errors.CommandError as exc:
            return upgradecheck.Result(upgradecheck.Code.FAILURE, str(exc))
        left = [tally for tally in tallies
                if tally.state != migrate_counts.CONVERGENCE]
        if not left:
            return upgradecheck.Result(upgradecheck.Code.SUCCESS)
        ready = sum(tally.roots for tally in left
                    if tally.state == migrate_counts.READY)
        return upgradecheck.Result(upgradecheck.Code.WARNING, _(
            '%(roots)d legacy root stacks are left (%(nested)d legacy nested '
            'stacks), %(ready)d of them ready to be converted. Run '
            '"heat-manage migrate-convergence-1 --all"; "heat-manage '
            'convergence-status" tells more.') % {
                'roots': sum(tally.roots for tally in left),
                'nested': sum(tally.nested_legacy for tally in left),
                'ready': ready})

    def _check_overlay(self):
        """Compare what the overlay refines with what it was tested with."""
        reason = overlay_releases.why_not(
            migrate_version.heat_version(),
            os.path.dirname(os.path.dirname(os.path.realpath(
                _heat.__file__))))
        if reason is not None:
            return upgradecheck.Result(
                upgradecheck.Code.FAILURE,
                '%s: %s' % (migrate_version.both(), reason))
        return upgradecheck.Result(
            upgradecheck.Code.SUCCESS, _(
                '%s: what it refines is what it was tested with')
            % migrate_version.both())

    _upgrade_checks = _heat.Checks._upgrade_checks + (
        (_('Legacy stacks'), _check_legacy_stacks),
        (_('Overlay'), _check_overlay),
    )


_heat.Checks = Checks
