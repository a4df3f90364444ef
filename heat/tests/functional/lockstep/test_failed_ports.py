# SPDX-License-Identifier: Apache-2.0

"""Failed stacks with Heat's own plug-in for ports, over HTTP."""

from heat.tests.functional.harness import neutron_api
from heat.tests.functional.lockstep import chains
from heat.tests.functional.lockstep import failed_case
from heat.tests.functional.lockstep import lives


def template(mac, value='1'):
    """Ports with another MAC address are replaced."""
    return {
        'heat_template_version': '2018-08-31',
        'resources': {
            'first': chains.resource(value),
            'port': {
                'type': 'OS::Neutron::Port', 'depends_on': 'first',
                'properties': {'network': 'net', 'name': 'port',
                               'mac_address': mac}},
            'last': {**chains.resource(value), 'depends_on': 'port'}}}


OLD, NEW = template('fa:16:3e:00:00:01'), template('fa:16:3e:00:00:02', '2')


class PortTest(failed_case.FailedTestCase):
    """A port gives its addresses to the one that replaces it."""

    def setUp(self):
        super().setUp()
        self.neutron = self.useFixture(neutron_api.NeutronAPI())
        self.ctx.auth_token_info = neutron_api.token(self.neutron.url)
        network = self.neutron.add('networks', name='net')
        self.neutron.add('subnets', network_id=network)

    def fail(self, life, rollback):
        """Replace the port, and fail at the resource after it."""
        life.create(OLD)
        original, = self.neutron.ports()
        life.failing(('last', 'update'))
        life.ledger.failing_then = {('first', 'update'), ('first', 'create')}
        life.update(NEW, rollback=rollback)
        self.assertEqual(('ROLLBACK_FAILED' if rollback else 'UPDATE_FAILED'),
                         self.state(life.identity))
        self.assertEqual([], original['fixed_ips'])
        self.assertEqual(2, len(self.neutron.ports()))
        return original['id']

    def play(self, rollback, to):
        """Whether the port in use after an update is the original one."""
        life = lives.Life(self, convergence=False)
        original = self.fail(life, rollback)
        life.convert()
        life.update(to)
        self.assertEqual('UPDATE_COMPLETE', self.state(life.identity))
        port, = self.neutron.ports()
        self.assertEqual(1, len(port['fixed_ips']))
        life.delete()
        self.assertEqual([], self.neutron.ports())
        self.assertEqual({}, life.ledger.things)
        return port['id'] == original

    def test_the_old_template_after_a_failed_rollback(self):
        self.assertFalse(self.play(True, OLD))

    def test_the_old_template_after_a_failed_update(self):
        self.assertFalse(self.play(False, OLD))

    def test_the_new_template_after_either(self):
        for rollback in (True, False):
            self.assertFalse(self.play(rollback, NEW))
