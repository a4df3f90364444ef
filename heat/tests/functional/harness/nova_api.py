# SPDX-License-Identifier: Apache-2.0

"""A stand-in for the Nova API and the images of Glance, served over HTTP.

It keeps servers with the ports that are attached to them. Any flavor and any
image exists.
"""

import re
import uuid

from heat.tests.functional.harness import neutron_api

_VERSION = {'id': 'v2.1', 'status': 'CURRENT', 'version': '2.1',
            'min_version': '2.1', 'links': []}
_SERVERS = re.compile(r'/v2\.1/servers(/(?P<id>[^/]+)'
                      r'(/(?P<sub>[-\w]+)(/(?P<port>[^/]+))?)?)?$')


def _thing(name):
    """A flavor or an image."""
    return {'id': name, 'name': name, 'ram': 1, 'disk': 1, 'vcpus': 1,
            'status': 'active', 'min_ram': 0, 'min_disk': 0}


class NovaAPI(neutron_api.NeutronAPI):
    """Serve Nova, Glance and Neutron on one port.

    :ivar servers: {id: {'name': ..., 'ports': [their ids], ...}}
    """

    def clear(self):
        super().clear()
        self.servers = {}

    def answer(self, method, path, query, body):
        match = _SERVERS.match(path)
        if match:
            with self._lock:
                return self._of_servers(method, body, **match.groupdict())
        if path in ('/', '/v2.1', '/v2.1/'):
            return 200, {'version': _VERSION, 'versions': [_VERSION]}
        if path == '/v2/schemas/image':
            return 200, {'name': 'image', 'properties': {}}
        if path == '/v2/images':
            return 200, {'images': [_thing(*query['name'])]}
        kind, _slash, name = path.rpartition('/')
        if kind.endswith('/flavors'):
            return 200, {'flavor': _thing(name)}
        if kind.endswith('/images'):
            return 200, _thing(name)
        return super().answer(method, path, query, body)

    def _of_servers(self, method, body, id, sub, port):
        if method == 'POST' and id is None:
            return self._create(body['server'])
        server = self.servers.get(id)
        if server is None:
            return 404, {'itemNotFound': {'message': 'no server', 'code': 404}}
        if sub == 'os-interface':
            return self._interfaces(method, body, server, port)
        if method == 'DELETE':
            del self.servers[id]
            return 204, None
        return 200, {'server': dict(server, addresses={}, metadata={})}

    def _create(self, asked):
        key = str(uuid.uuid4())
        self.servers[key] = {
            'id': key, 'name': asked['name'], 'status': 'ACTIVE',
            'OS-EXT-STS:task_state': None, 'links': [],
            'ports': [network['port'] for network in asked['networks']]}
        return 202, {'server': self.servers[key]}

    def _interfaces(self, method, body, server, port):
        if method == 'POST':
            server['ports'].append(body['interfaceAttachment']['port_id'])
        elif method == 'DELETE':
            server['ports'].remove(port)
            return 202, None
        attached = [{'port_id': key, 'net_id': 'net', 'fixed_ips': [],
                     'port_state': 'ACTIVE', 'mac_addr': ''}
                    for key in server['ports']]
        if method == 'POST':
            return 200, {'interfaceAttachment': attached[-1]}
        return 200, {'interfaceAttachments': attached}
