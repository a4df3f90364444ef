# SPDX-License-Identifier: Apache-2.0

"""heat-status with the upgrade checks of the conversion to convergence."""

import os
import warnings

from oslo_upgradecheck import upgradecheck

from heat import overlay
from heat import overlay_interrupt

# As in heat-manage, it would print nine lines above each report.
if overlay_interrupt.command() == 'heat-status':
    warnings.filterwarnings('ignore', r'\s*Eventlet is deprecated')

# The installed module comes first: it is what the rest of this file refines.
_heat = overlay.installed(__name__)

from heat.cmd.migrate import database  # noqa: E402
from heat.cmd.migrate import errors  # noqa: E402
from heat.common import context  # noqa: E402
from heat.common.i18n import _  # noqa: E402
from heat.common.migrate import version as migrate_version  # noqa: E402
from heat.db.migrate import counts as migrate_counts  # noqa: E402
from heat.db.migrate import leftovers as migrate_leftovers  # noqa: E402
from heat import overlay_releases  # noqa: E402


class Checks(_heat.Checks):
    """Heat's upgrade checks, and ours."""

    def _check_legacy_stacks(self):
        """Warn while there are legacy stacks."""
        try:
            database.do_not_wait()
            with database.database_errors():
                admin = context.get_admin_context()
                left = [tally for tally in migrate_counts.tally(admin)
                        if tally.state != migrate_counts.CONVERGENCE]
                leftovers = migrate_leftovers.get_all(admin) if left else []
        except errors.CommandError as exc:
            return upgradecheck.Result(upgradecheck.Code.FAILURE, str(exc))
        if not left:
            return upgradecheck.Result(upgradecheck.Code.SUCCESS)
        return upgradecheck.Result(upgradecheck.Code.WARNING, _in_words(
            left, leftovers))

    def _check_overlay(self):
        """Compare the functions that the overlay refines."""
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
                '%s: the functions that it refines are those that it is '
                'tested with')
            % migrate_version.both())

    _upgrade_checks = _heat.Checks._upgrade_checks + (
        (_('Legacy stacks'), _check_legacy_stacks),
        (_('Overlay'), _check_overlay),
    )


def _in_words(left, leftovers):
    """The counts of legacy trees and of leftovers, as sentences."""
    text = [_('Legacy stacks left: %(roots)d root, %(nested)d nested. Trees '
              'that are ready to be converted: %(ready)d (heat-manage '
              'migrate-convergence-1 --all).') % {
        'roots': sum(tally.roots for tally in left),
        'nested': sum(tally.nested_legacy for tally in left),
        'ready': sum(tally.roots for tally in left
                     if tally.state == migrate_counts.READY)}]
    if leftovers:
        text.append(_('Nested stacks that Heat has left over: %d.')
                    % len(leftovers))
    text.append(_('Ids and reasons: heat-manage convergence-status.'))
    return ' '.join(str(sentence) for sentence in text)


_heat.Checks = Checks
