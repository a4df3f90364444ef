# SPDX-License-Identifier: Apache-2.0

"""Failed stacks with Heat's own plug-in for servers, over HTTP."""

from oslo_config import fixture as config_fixture

from heat.tests.functional.harness import neutron_api
from heat.tests.functional.harness import nova_api
from heat.tests.functional.lockstep import chains
from heat.tests.functional.lockstep import failed_case
from heat.tests.functional.lockstep import lives


def template(zone, value='1'):
    """Servers in another availability zone are replaced."""
    return {
        'heat_template_version': '2018-08-31',
        'resources': {
            'first': chains.resource(value),
            'port': {'type': 'OS::Neutron::Port', 'depends_on': 'first',
                     'properties': {'network': 'net', 'name': 'port'}},
            'server': {
                'type': 'OS::Nova::Server',
                'properties': {'image': 'image', 'flavor': 'flavor',
                               'availability_zone': zone,
                               'networks': [{'port': {
                                   'get_resource': 'port'}}]}},
            'last': {**chains.resource(value), 'depends_on': 'server'}}}


OLD, NEW = template('one'), template('two', '2')


class ServerTest(failed_case.FailedTestCase):
    """A server gives its ports to the one that replaces it."""

    def setUp(self):
        super().setUp()
        # It is never called, but each server gets the URL.
        config = self.useFixture(config_fixture.Config())
        config.config(heat_metadata_server_url='http://127.0.0.1:1')
        self.cloud = self.useFixture(nova_api.NovaAPI())
        self.ctx.auth_token_info = neutron_api.token(
            self.cloud.url, ('compute', self.cloud.url + '/v2.1'),
            ('image', self.cloud.url))
        network = self.cloud.add('networks', name='net')
        self.cloud.add('subnets', network_id=network)

    def test_the_old_template_after_a_failed_rollback(self):
        life = lives.Life(self, convergence=False)
        life.create(OLD)
        original, = self.cloud.servers
        life.failing(('last', 'update'))
        life.ledger.failing_then = {('first', 'update'), ('first', 'create')}
        life.update(NEW, rollback=True)
        self.assertEqual('ROLLBACK_FAILED', self.state(life.identity))
        self.assertEqual(2, len(self.cloud.servers))
        self.assertEqual([], self.cloud.servers[original]['ports'])
        life.convert()
        life.update(OLD)
        self.assertEqual('UPDATE_COMPLETE', self.state(life.identity))
        server, = self.cloud.servers.values()
        self.assertEqual([port['id'] for port in self.cloud.ports()],
                         server['ports'])
        life.delete()
        self.assertEqual(({}, [], {}), (
            self.cloud.servers, self.cloud.ports(), life.ledger.things))
