# SPDX-License-Identifier: Apache-2.0

"""Heat's own Neutron plug-ins add dependencies that no template has."""

from heat.common.migrate import exception as migrate_exception
from heat.engine import convergence_migrate
from heat.tests.functional.harness import inprocess
from heat.tests.functional.harness import neutron_api
from heat.tests.functional.harness import processes
from heat.tests.functional.harness import trees

# Nothing here says that the first port comes after the subnet, and the
# floating IP after the router interface. All the rest is in one line, so that
# there is one order only.
IN_LINE = """
heat_template_version: 2018-08-31
resources:
  net:
    type: OS::Neutron::Net
    properties: {name: net}
  router:
    type: OS::Neutron::Router
    depends_on: net
    properties: {name: router}
  subnet:
    type: OS::Neutron::Subnet
    depends_on: router
    properties:
      name: subnet
      network: {get_resource: net}
      cidr: 10.0.0.0/24
  first:
    type: OS::Neutron::Port
    properties:
      name: first
      network: {get_resource: net}
  second:
    type: OS::Neutron::Port
    depends_on: first
    properties:
      name: second
      network: {get_resource: net}
      fixed_ips: [{subnet: {get_resource: subnet}}]
  interface:
    type: OS::Neutron::RouterInterface
    depends_on: second
    properties:
      router: {get_resource: router}
      subnet: {get_resource: subnet}
  floating:
    type: OS::Neutron::FloatingIP
    properties:
      floating_network: public
      port_id: {get_resource: second}
"""

# Without a fixed IP, only Neutron knows that the floating IP needs the router
# interface, and only when all of this exists.
NO_FIXED_IP = """
heat_template_version: 2018-08-31
resources:
  net:
    type: OS::Neutron::Net
    properties: {name: net}
  router:
    type: OS::Neutron::Router
    properties: {name: router}
  subnet:
    type: OS::Neutron::Subnet
    properties:
      name: subnet
      network: {get_resource: net}
      cidr: 10.0.0.0/24
  port:
    type: OS::Neutron::Port
    properties:
      name: port
      network: {get_resource: net}
  interface:
    type: OS::Neutron::RouterInterface
    properties:
      router: {get_resource: router}
      subnet: {get_resource: subnet}
  floating:
    type: OS::Neutron::FloatingIP
    properties:
      floating_network: public
      port_id: {get_resource: port}
"""

# The subnet and its network are not of this stack: what the floating IP
# depends on is for Neutron to say.
ELSEWHERE = """
heat_template_version: 2018-08-31
parameters:
  net: {type: string}
  subnet: {type: string}
resources:
  router:
    type: OS::Neutron::Router
    properties: {name: router}
  port:
    type: OS::Neutron::Port
    properties:
      name: port
      network: {get_param: net}
  interface:
    type: OS::Neutron::RouterInterface
    properties:
      router: {get_resource: router}
      subnet: {get_param: subnet}
  floating:
    type: OS::Neutron::FloatingIP
    properties:
      floating_network: public
      port_id: {get_resource: port}
"""


class NeutronTestCase(inprocess.EngineTestCase):

    def setUp(self):
        super().setUp()
        self.neutron = self.useFixture(neutron_api.NeutronAPI())
        self.neutron.add('networks', name='public')
        self.ctx.auth_token_info = _token(self.neutron.url)

    def convert(self, identity):
        # With the credentials of the request, as an update does: trusts
        # would need a Keystone that gives tokens for them.
        return convergence_migrate.convert(
            self.ctx, identity['stack_id'], stored_credentials=False)

    def requires(self, stack):
        """Names of what each resource requires, as the rows have it."""
        rows = trees.read(self.database, stack['stack_id']).resources
        names = {row['id']: row['name'] for row in rows}
        return {row['name']: {names[key] for key in row['requires']}
                for row in rows}

    def delete(self, stack):
        """Delete the stack; returns the requests that Neutron gets."""
        del self.neutron.calls[:]
        self.heat.delete_stack(self.ctx, stack)
        processes.wait_until(
            lambda: self.row(stack)['deleted_at'], 'deleted stack')
        return list(self.neutron.calls)


class OrderTest(NeutronTestCase):

    def test_a_converted_stack_is_deleted_in_the_order_of_a_native_one(self):
        native = self.delete(self.create(IN_LINE, convergence=True))
        legacy = self.create(IN_LINE)
        self.convert(legacy)
        self.assertEqual(native, self.delete(legacy))
        self.assertEqual([
            ('DELETE', 'floatingip', 204),
            ('PUT', 'router router remove_router_interface', 200),
            ('DELETE', 'port second', 204), ('DELETE', 'port first', 204),
            ('DELETE', 'subnet subnet', 204), ('DELETE', 'router router', 204),
            ('DELETE', 'network net', 204),
        ], native)

    def test_the_rows_have_what_the_plug_ins_add(self):
        native = self.requires(self.create(IN_LINE, convergence=True))
        legacy = self.create(IN_LINE)
        self.convert(legacy)
        self.assertEqual(native, self.requires(legacy))
        self.assertEqual({'net', 'subnet'}, native['first'])
        self.assertEqual({'second', 'interface'}, native['floating'])


class NoFixedIPTest(NeutronTestCase):
    """A create cannot ask Neutron about what does not exist yet.

    Under convergence the dependency is missing until the first update; the
    legacy engine deletes in this order, too.
    """

    def test_a_dependency_that_only_neutron_knows_is_in_the_rows(self):
        legacy = self.create(NO_FIXED_IP)
        self.convert(legacy)
        self.assertEqual({'port', 'interface'},
                         self.requires(legacy)['floating'])

    def test_nothing_is_deleted_while_it_is_in_use(self):
        legacy = self.create(NO_FIXED_IP)
        self.convert(legacy)
        self.assertEqual({200, 204},
                         {status for _, _, status in self.delete(legacy)})


class ElsewhereTest(NeutronTestCase):

    def setUp(self):
        super().setUp()
        net = self.neutron.add('networks', name='net')
        subnet = self.neutron.add('subnets', name='subnet', network_id=net)
        self.args = {'params': {'parameters': {'net': net,
                                               'subnet': subnet}}}

    def test_what_neutron_knows_of_is_in_the_rows(self):
        native = self.requires(self.create(ELSEWHERE, True, **self.args))
        legacy = self.create(ELSEWHERE, **self.args)
        self.convert(legacy)
        self.assertEqual(native, self.requires(legacy))
        self.assertEqual({'port', 'interface'}, native['floating'])

    def test_without_an_answer_the_stack_stays_legacy(self):
        legacy = self.create(ELSEWHERE, **self.args)
        before = trees.read(self.database, legacy['stack_id'])
        self.neutron.failing = True
        exc = self.assertRaises(migrate_exception.ImplicitDependencies,
                                self.convert, legacy)
        self.assertIn('resource floating of stack', str(exc))
        self.assertIn('Out of service', str(exc))
        self.assertEqual(before, trees.read(self.database,
                                            legacy['stack_id']))

    def test_with_an_answer_again_it_is_converted(self):
        legacy = self.create(ELSEWHERE, **self.args)
        self.neutron.failing = True
        self.assertRaises(migrate_exception.ImplicitDependencies,
                          self.convert, legacy)
        self.neutron.failing = False
        self.convert(legacy)
        self.assertEqual({200, 204},
                         {status for _, _, status in self.delete(legacy)})


def _token(neutron_url):
    """What Keystone would tell of the token of a request."""
    identity = {'id': 'test', 'name': 'test',
                'domain': {'id': 'default', 'name': 'Default'}}
    return {'token': {
        'methods': ['password'], 'user': identity, 'project': identity,
        'roles': [], 'issued_at': '2000-01-01T00:00:00.000000Z',
        'expires_at': '9999-01-01T00:00:00.000000Z',
        'catalog': [{'id': 'network', 'name': 'neutron', 'type': 'network',
                     'endpoints': [{'id': 'network', 'interface': 'public',
                                    'region': 'RegionOne',
                                    'region_id': 'RegionOne',
                                    'url': neutron_url}]}]}}
