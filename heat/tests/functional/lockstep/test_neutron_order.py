# SPDX-License-Identifier: Apache-2.0

"""Dependencies that only Heat's Neutron plug-ins add."""

from heat.common.migrate import exception as migrate_exception
from heat.engine import convergence_migrate
from heat.tests.functional.harness import inprocess
from heat.tests.functional.harness import neutron_api
from heat.tests.functional.harness import processes
from heat.tests.functional.harness import trees


def _resource(kind, after=None, **properties):
    """A resource of Neutron's; a tuple names one that is used."""
    snippet = {'type': 'OS::Neutron::' + kind, 'properties': {
        name: {'get_resource': value[0]} if isinstance(value, tuple)
        else value for name, value in properties.items()}}
    return dict(snippet, depends_on=after) if after else snippet


def _template(parameters=(), **resources):
    return dict({'heat_template_version': '2018-08-31',
                 'resources': resources}, **dict(parameters))


NET = _resource('Net', name='net')
ROUTER = _resource('Router', name='router')
SUBNET = {'name': 'subnet', 'network': ('net',), 'cidr': '10.0.0.0/24'}


def _floating(port):
    return _resource('FloatingIP', floating_network='public', port_id=port)


# Nothing here says that the first port comes after the subnet, and the
# floating IP after the router interface. All other dependencies form one
# chain, so only one order is possible.
IN_LINE = _template(
    net=NET,
    router=dict(ROUTER, depends_on='net'),
    subnet=_resource('Subnet', 'router', **SUBNET),
    first=_resource('Port', name='first', network=('net',)),
    second=_resource('Port', 'first', name='second', network=('net',),
                     fixed_ips=[{'subnet': {'get_resource': 'subnet'}}]),
    interface=_resource('RouterInterface', 'second', router=('router',),
                        subnet=('subnet',)),
    floating=_floating(('second',)))

# Without a fixed IP, only Neutron knows that the floating IP needs the router
# interface, and only when all of this exists.
NO_FIXED_IP = _template(
    net=NET, router=ROUTER, subnet=_resource('Subnet', **SUBNET),
    port=_resource('Port', name='port', network=('net',)),
    interface=_resource('RouterInterface', router=('router',),
                        subnet=('subnet',)),
    floating=_floating(('port',)))

# The subnet and its network are not in this stack: only Neutron knows what the
# floating IP depends on.
ELSEWHERE = _template(
    {'parameters': {'net': {'type': 'string'}, 'subnet': {'type': 'string'}}},
    router=ROUTER,
    port=_resource('Port', name='port', network={'get_param': 'net'}),
    interface=_resource('RouterInterface', router=('router',),
                        subnet={'get_param': 'subnet'}),
    floating=_floating(('port',)))


class NeutronTestCase(inprocess.EngineTestCase):

    def setUp(self):
        super().setUp()
        self.neutron = self.useFixture(neutron_api.NeutronAPI())
        self.neutron.add('networks', name='public')
        self.ctx.auth_token_info = neutron_api.token(self.neutron.url)

    def convert(self, identity):
        # With the credentials of the request, as an update does: trusts
        # would need a Keystone that gives tokens for them.
        return convergence_migrate.convert(
            self.ctx, identity['stack_id'], stored_credentials=False)

    def requires(self, stack):
        """Names of the resources that each resource requires, by the rows."""
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

    def test_the_rows_have_the_dependencies_of_plug_ins(self):
        native = self.requires(self.create(IN_LINE, convergence=True))
        legacy = self.create(IN_LINE)
        self.convert(legacy)
        self.assertEqual(native, self.requires(legacy))
        self.assertEqual({'net', 'subnet'}, native['first'])
        self.assertEqual({'second', 'interface'}, native['floating'])


class NoFixedIPTest(NeutronTestCase):
    """A create cannot ask Neutron about resources that do not exist yet.

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

    def test_dependencies_from_neutron_are_in_the_rows(self):
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
