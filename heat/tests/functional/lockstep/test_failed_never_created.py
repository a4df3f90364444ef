# SPDX-License-Identifier: Apache-2.0

"""What Heat does with a resource of a failed stack that was never created.

A native stack has a row for it from the beginning; a converted one may not.
"""

import json
from unittest import mock

from heat.db import models
from heat import overlay
from heat.tests.functional.harness.plugins import things as plugin
from heat.tests.functional.lockstep import afterwards
from heat.tests.functional.lockstep import chains
from heat.tests.functional.lockstep import failed_case
from heat.tests.functional.lockstep import failures
from heat.tests.functional.lockstep import lives


class NeverCreatedTest(failed_case.FailedTestCase):

    def assert_d_is_created(self, life):
        self.assert_sound(life, 'd is created')
        self.assertIn((('d',), '1/x', False), life.end()['living'])

    def assert_only_the_remedy_creates_d(self, life, new):
        """An update has not created d; the remedy of the guide does."""
        self.assertEqual(['d'], life.end()['never created'])
        life.mark_unhealthy('d')
        life.update(new)
        self.assert_d_is_created(life)

    def fail_before_d(self, life):
        """Fail in an update that adds d.

        :returns: its template
        """
        new = chains.changed(a={'value': '2'})
        new['resources']['d'] = chains.resource(needs='a')
        life.create()
        life.failing(('a', 'update'))
        life.update(new)
        life.failing()
        return new

    def test_a_native_suspend_of_a_resource_that_was_never_created(self):
        # It becomes SUSPEND_COMPLETE, and no update creates it.
        new = chains.changed(a={'value': '2'})
        new['resources']['d'] = chains.resource()
        life = lives.Life(self, convergence=True)
        life.create()
        life.interrupt('a', rollback=False)
        life.update(new)
        afterwards.suspend_resume_target(life, chains.OLD, new)
        self.assert_only_the_remedy_creates_d(life, new)

    def test_two_checks_of_a_resource_that_was_never_created(self):
        # The first fails at it, and the second makes it CHECK_COMPLETE,
        # natively too.
        for convergence in (True, False):
            life = lives.Life(self, convergence)
            new = self.fail_before_d(life)
            life.convert()
            for state in 'CHECK_FAILED', 'CHECK_COMPLETE':
                life.check()
                self.assertEqual(state, self.state(life.identity))
            life.update(new)
            self.assertEqual('UPDATE_COMPLETE', self.state(life.identity))
            self.assert_only_the_remedy_creates_d(life, new)

    def test_a_check_of_what_failed_and_was_never_created(self):
        # It is CREATE_FAILED and not INIT_COMPLETE, so one check is enough:
        # natively too. The legacy engine leaves that if it dies.
        new = chains.changed()
        new['resources']['d'] = chains.resource()
        for convergence in (True, False):
            life = lives.Life(self, convergence)
            life.create()
            with mock.patch.object(life.ledger, 'reserve',
                                   side_effect=ValueError):
                life.update(new)
            life.convert()
            life.check()
            self.assertEqual('CHECK_COMPLETE', self.state(life.identity))
            life.update(new)
            self.assertEqual(['d'], life.end()['never created'])

    def test_one_check_of_a_resource_that_was_never_created(self):
        for convergence in (True, False):
            life = lives.Life(self, convergence)
            new = self.fail_before_d(life)
            life.convert()
            life.check()
            life.update(new)
            self.assert_d_is_created(life)

    def test_a_rollback_of_an_update_without_it(self):
        # It becomes ROLLBACK_COMPLETE, and no update creates it. In a native
        # stack that happens only to what has lost its row by the update.
        life = lives.Life(self, convergence=False)
        new = self.fail_before_d(life)
        life.convert()
        life.failing(('b', 'update'))
        life.update(chains.changed(b={'value': '3'}), rollback=True)
        life.failing()
        life.update(new)
        self.assertEqual('UPDATE_COMPLETE', self.state(life.identity))
        self.assert_only_the_remedy_creates_d(life, new)

    def test_a_native_rollback_of_an_update_that_has_deleted_it(self):
        life = lives.Life(self, convergence=True)
        life.create()
        life.failing(('a', 'delete'))
        life.update(chains.changed(a={'immutable': 'y'}, without='c'),
                    rollback=True)
        self.assertEqual(['c'], life.end()['never created'])

    def test_a_snapshot_of_a_resource_that_was_never_created(self):
        # Before Heat 26 the snapshot stores a row for it.
        for convergence, history in (
                (True, self.fail_before_d), (False, self.fail_before_d),
                (False, failures.rollback_of_create_failed)):
            life = lives.Life(self, convergence)
            history(life)
            life.convert()
            life.snapshot()
            life.delete()
            self.assertEqual({}, life.ledger.things)
            self.assertEqual([], self.database.rows(models.Stack,
                                                    deleted_at=None))

    def test_a_resume_that_fails_at_what_was_never_created(self):
        inner = {'inner.yaml': json.dumps(
            chains.template(x=chains.resource()))}
        old = chains.template(a=chains.resource(),
                              n={'type': 'inner.yaml'})
        new = chains.changed(old)
        new['resources'].update(
            a=chains.resource(kind=plugin.PREPARED),
            d=chains.resource(needs='a'),
            n={'type': 'inner.yaml', 'depends_on': 'd'})
        life = lives.Life(self, convergence=False)
        life.create(old, inner)
        # The update fails, and no resource does.
        life.update(new, params={'resource_registry': {'resources': {
            'a': {'restricted_actions': 'replace'}}}})
        self.assertEqual('UPDATE_FAILED', self.state(life.identity))
        life.convert()
        life.suspend()
        life.resume()
        if not overlay.release().converged_actions:
            # Before Heat 26 it is as after a native suspend.
            self.assertEqual(['d'], life.end()['never created'])
            return
        self.assertEqual('RESUME_FAILED', self.state(life.identity))
        # By the remedy of the guide.
        life.resume_nested()
        life.update(new)
        life.suspend()
        life.resume()
        self.assertEqual('RESUME_COMPLETE', self.state(life.identity))
        self.assert_d_is_created(life)
