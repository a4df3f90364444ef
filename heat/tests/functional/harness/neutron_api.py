# SPDX-License-Identifier: Apache-2.0

"""A stand-in for the Neutron API, served over HTTP.

It has networks, subnets, ports, routers with their interfaces and floating
IPs. It records each request that changes one. As Neutron does, it refuses with
409 to delete an object in use.
"""

import http.server
import json
import re
import threading
import urllib.parse
import uuid

import fixtures

_PATH = re.compile(r'/v2\.0/(?P<kind>\w+)(/(?P<id>[^/]+)(/(?P<verb>\w+))?)?$')

# The kinds of users of each kind, and the values that name it.
_USED_BY = {'networks': (('subnets', 'network_id'), ('ports', 'network_id')),
            'subnets': (('ports', 'subnet_id'), ('interfaces', 'subnet_id')),
            'routers': (('interfaces', 'router_id'),),
            'ports': (('floatingips', 'port_id'),)}


class NeutronAPI(fixtures.Fixture):
    """Serve the API on a free port of the loopback interface.

    :ivar url: where it is.
    :ivar calls: (method, kind and name of its object, status) of each request
        for a change, in order. Floating IPs have no name.
    :ivar failing: when true, every request is answered with 503.
    """

    def _setUp(self):
        self.calls = []
        self.failing = False
        self.clear()
        api = self

        class Handler(_Handler):
            neutron = api

        self._lock = threading.Lock()
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        server.daemon_threads = True
        self.url = 'http://127.0.0.1:%d' % server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)

    def clear(self):
        """Forget all objects."""
        self._things = {kind: {} for kind in (
            'networks', 'subnets', 'ports', 'routers', 'floatingips',
            'interfaces')}

    def add(self, kind, **values):
        """Add an object without a request; returns its id."""
        thing = dict({'id': str(uuid.uuid4()), 'status': 'ACTIVE',
                      'subnets': [], 'name': ''}, **values)
        self._things[kind][thing['id']] = thing
        if kind == 'subnets':
            self._things['networks'][thing['network_id']]['subnets'].append(
                thing['id'])
        if kind == 'ports':
            # As Neutron does, with the subnet that the network has.
            network = self._things['networks'][thing['network_id']]
            thing['subnet_id'] = (network['subnets'] or [None])[0]
            thing['fixed_ips'] = [{'subnet_id': thing['subnet_id'],
                                   'ip_address': '10.0.0.9'}]
            thing.setdefault('mac_address', 'fa:16:3e:00:00:09')
        return thing['id']

    def ports(self):
        """All ports, each as a dict."""
        return list(self._things['ports'].values())

    def answer(self, method, path, query, body):
        """Answer a request.

        :returns: the status and the body.
        """
        with self._lock:
            if self.failing:
                return 503, {'NeutronError': 'Out of service'}
            if path == '/v2.0/extensions':
                return 200, {'extensions': [{'alias': 'router'}]}
            match = _PATH.match(path)
            if match is None or match['kind'] not in self._things:
                return 404, {'NeutronError': path}
            if method == 'GET':
                return self._get(match['kind'], match['id'], query)
            return self._change(method, body, **match.groupdict())

    def _get(self, kind, key, query):
        if key is None:
            return 200, {kind: [
                thing for thing in self._things[kind].values()
                if all(thing.get(name) in values
                       for name, values in query.items()
                       if name in ('id', 'name'))]}
        if key not in self._things[kind]:
            return 404, {'NeutronError': key}
        return 200, {kind[:-1]: self._things[kind][key]}

    def _change(self, method, body, kind, id, verb):
        about = self._about(kind, id, body, verb)
        status, answer = getattr(self, '_' + (verb or method.lower()))(
            kind, id, body)
        self.calls.append((method, about, status))
        return status, answer

    def _about(self, kind, key, body, verb):
        thing = self._things[kind].get(key) or body[kind[:-1]]
        return ' '.join(filter(None, (kind[:-1], thing.get('name'), verb)))

    def _post(self, kind, _key, body):
        key = self.add(kind, **body[kind[:-1]])
        return 201, {kind[:-1]: self._things[kind][key]}

    def _put(self, kind, key, body):
        self._things[kind][key].update(body[kind[:-1]])
        return 200, {kind[:-1]: self._things[kind][key]}

    def _delete(self, kind, key, _body):
        if any(thing.get(name) == key for user, name in _USED_BY.get(kind, ())
               for thing in self._things[user].values()):
            return 409, {'NeutronError': {
                'type': 'InUse', 'message': '%s is in use' % key,
                'detail': ''}}
        thing = self._things[kind].pop(key)
        if kind == 'subnets':
            self._things['networks'][thing['network_id']]['subnets'].remove(
                key)
        return 204, None

    def _add_router_interface(self, _kind, key, body):
        self.add('interfaces', router_id=key, **body)
        return 200, dict(body, id=key)

    def _remove_router_interface(self, _kind, key, body):
        subnet_id = body['subnet_id']
        # A floating IP reaches its port through the router.
        for floating in self._things['floatingips'].values():
            port = self._things['ports'].get(floating.get('port_id'), {})
            if port.get('subnet_id') == subnet_id:
                return 409, {'NeutronError': {
                    'type': 'RouterInterfaceInUseByFloatingIP',
                    'message': 'Router interface is in use', 'detail': ''}}
        interfaces = self._things['interfaces']
        for interface in list(interfaces.values()):
            if (interface['router_id'], interface['subnet_id']) == (
                    key, subnet_id):
                del interfaces[interface['id']]
        return 200, dict(body, id=key)


def token(url, *services):
    """The data of Keystone for the token of a request.

    :param url: the URL of the network service
    :param services: (type, url) of the other services
    """
    identity = {'id': 'test', 'name': 'test',
                'domain': {'id': 'default', 'name': 'Default'}}
    return {'token': {
        'methods': ['password'], 'user': identity, 'project': identity,
        'roles': [], 'issued_at': '2000-01-01T00:00:00.000000Z',
        'expires_at': '9999-01-01T00:00:00.000000Z',
        'catalog': [{'id': kind, 'name': kind, 'type': kind,
                     'endpoints': [{'id': kind, 'interface': 'public',
                                    'region': 'RegionOne',
                                    'region_id': 'RegionOne',
                                    'url': at}]}
                    for kind, at in [('network', url), *services]]}}


class _Handler(http.server.BaseHTTPRequestHandler):

    def _answer(self):
        length = int(self.headers.get('Content-Length') or 0)
        body = json.loads(self.rfile.read(length) or 'null')
        url = urllib.parse.urlsplit(self.path)
        status, answer = self.neutron.answer(
            self.command, url.path, urllib.parse.parse_qs(url.query), body)
        content = b'' if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, format, *args):
        pass
