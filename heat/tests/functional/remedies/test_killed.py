# SPDX-License-Identifier: Apache-2.0

"""Engines that are killed cause reasons; each remedy is followed."""

from heat.db import models
from heat.engine import convergence_migrate
from heat.tests.functional.harness import reasons_page
from heat.tests.functional.lockstep import deaths
from heat.tests.functional.remedies import case

ASKING = case.Asking.TYPE


def switched(properties):
    """A template with a condition for b."""
    snippet = case.template({'on': {'type': 'boolean', 'default': True}},
                            kind=ASKING, a=properties, b={})
    snippet['conditions'] = {'is_on': {'get_param': 'on'}}
    snippet['resources']['b']['condition'] = 'is_on'
    return snippet


class KilledTest(case.RemedyTestCase):

    def send(self, identity, snippet, **parameters):
        self.heat.update_stack(self.ctx, identity, snippet,
                               {'parameters': parameters}, {},
                               {'disable_rollback': True})

    def test_resource_in_progress(self):
        """Another engine takes over from one that seems to be dead."""
        def snippet(value):
            made = case.template(kind=ASKING, a={'value': value},
                                 b={'value': value})
            made['resources']['b']['depends_on'] = 'a'
            return made

        identity = self.create(snippet('x'))
        death = deaths.Death()

        def work(member):
            if member.name == 'a':
                deaths.start_another(self)
                self.check(identity)
            else:
                death.die()

        with self.asking(updated=work):
            self.assertTrue(deaths.kill(
                self, lambda: self.send(identity, snippet('y')), death))
        self.assertIn('openstack stack check',
                      self.refused(identity, 'in_progress'))
        self.check(identity)
        self.assertConverts(identity)

    def test_interrupted(self):
        """Nobody has started another engine yet."""
        identity = self.create(case.template(kind=ASKING, a={'value': 'x'}))
        death = deaths.Death()
        with self.asking(updated=lambda member: death.die()):
            self.assertTrue(deaths.die(lambda: self.send(
                identity, case.template(kind=ASKING, a={'value': 'y'})),
                death))
        deaths.forget_locks(self)
        self.assertIn('start any engine',
                      self.refused(identity, 'interrupted',
                                   self.convert_failed))
        deaths.start_another(self)
        self.assertEqual('UPDATE_FAILED', self.state(identity))
        self.convert_failed(self.ctx, identity['stack_id'])
        self.update(identity, case.template(kind=ASKING, a={'value': 'y'}))

    def test_missing_resources(self):
        # Heat cannot check them, and then takes a missing one for a good one.
        kind = 'OS::Heat::RandomString'
        both = case.template(kind=kind, a={}, b={})
        identity = self.kill_until(
            'missing_resources', lambda: self.create(both),
            lambda stack: self.send(stack, case.template(kind=kind, a={})))
        self.assertIn('b', self.refused(identity, 'missing_resources'))
        self.update(identity, both)
        self.assertConverts(identity)

    def test_orphan_resources(self):
        identity = self.kill_until(
            'orphan_resources', lambda: self.create(switched({})),
            lambda stack: self.send(stack, switched({}),
                                    on=False))
        thing = self.thing(identity)
        self.assertIn('b (%s)' % thing,
                      self.refused(identity, 'orphan_resources'))
        # This is no remedy.
        self.update(identity, switched({}))
        self.refused(identity, 'orphan_resources')
        self.mark_as_deleted(identity, thing)
        self.assertConverts(identity)

    def test_orphan_in_progress(self):
        # No check heals what is not in the template.
        identity = self.create(switched({}))
        death = deaths.Death()
        with self.asking(deleted=lambda member: death.die()):
            self.assertTrue(deaths.kill(self, lambda: self.send(
                identity, switched({}), on=False), death))
        self.check(identity)
        thing = self.thing(identity)
        self.assertIn('b (%s)' % thing,
                      self.refused(identity, 'orphan_resources'))
        self.mark_as_deleted(identity, thing)
        self.assertConverts(identity)

    def thing(self, identity):
        row, = self.database.rows(models.Resource, name='b',
                                  stack_id=identity['stack_id'])
        return row['physical_resource_id']

    def mark_as_deleted(self, identity, thing):
        """Run the statement that the page of the reasons prints."""
        self.assertEqual(1, reasons_page.run(
            self.database.engine, 'UPDATE resource', identity['stack_id'],
            thing))

    def test_engine_with_a_resource(self):
        """It marks the resource of a convergence stack, and is killed."""
        snippet = case.template(kind=ASKING, a={})
        identity = self.create(snippet, convergence=True)
        death = deaths.Death()
        with self.asking(marked=lambda member: death.die()):
            self.assertTrue(deaths.kill(
                self, lambda: self.heat.resource_mark_unhealthy(
                    self.ctx, identity, 'a', True), death))
        self.assertIn('openstack stack check', self.refused(
            identity, 'in_progress', convergence_migrate.revert))
        self.check(identity)
        self.assertReverts(identity)
        self.assertConverts(identity)
