# SPDX-License-Identifier: Apache-2.0

"""A stand-in for Keystone, for what Heat does with stored credentials.

For example, a signal to a resource runs with the stored credentials of the
stack, and Heat asks Keystone for their token. Every password is accepted here.
"""

import threading
import uuid
from wsgiref import simple_server

import fixtures
from keystoneauth1 import fixture as keystone
import webob
from webob import dec


class _Handler(simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass


@dec.wsgify
def _application(request):
    if request.path == '/v3/auth/tokens' and request.method == 'POST':
        return _issue_token(request.json['auth'])
    return webob.Response(json={'version': keystone.V3Discovery(
        request.application_url + '/v3')})


def _issue_token(auth):
    user = auth['identity']['password']['user']
    token = keystone.V3Token(user_name=user['name'])
    project = auth.get('scope', {}).get('project')
    if project is not None:
        token.set_project_scope(id=project['id'], name=project['id'])
        token.add_role(name='admin')
    return webob.Response(json=token, status=201, headers={
        'X-Subject-Token': uuid.uuid4().hex})


class Identity(fixtures.Fixture):
    """Answer on a free port of 127.0.0.1.

    :ivar url: the value of ``[clients_keystone] auth_uri``.
    """

    def _setUp(self):
        server = simple_server.make_server(
            '127.0.0.1', 0, _application, handler_class=_Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.url = 'http://127.0.0.1:%d/v3' % server.server_port
