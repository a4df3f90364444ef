# SPDX-License-Identifier: Apache-2.0

"""WSGI applications as their real services run them."""

import importlib.util
import os
import socket

import fixtures

from heat.tests.functional.harness import processes

#: The places of the applications in releases of Heat and Keystone.
HEAT_API = ('heat.wsgi.api:application',
            'heat.httpd.heat_api:init_application()')
KEYSTONE = ('keystone.wsgi.api:application',
            'keystone.server.wsgi:initialize_public_application()')

_GUNICORN = """\
wsgi_app = '%s'
bind = 'fd://%d'
workers = %d
threads = %d
"""


def _present(applications):
    for application in applications:
        try:
            if importlib.util.find_spec(application.partition(':')[0]):
                return application
        except ModuleNotFoundError:
            pass
    raise LookupError('None of %s is installed' % ', '.join(applications))


class WSGIServer(fixtures.Fixture):
    """Serve an application on a free port of 127.0.0.1.

    The socket is bound here, so no other process can take the port, and
    requests wait for the server.

    :param applications: places of the application, as ``module:name``; the
        first existing one is used.
    :param workers: how many processes there are.
    :param threads: how many requests each of them answers at a time.
    :param bin_dir: take gunicorn from another environment.
    :ivar url: where it answers.
    :ivar process: the ``processes.Process``.
    """

    def __init__(self, name, applications, env, folder, workers=1, threads=1,
                 bin_dir=None):
        super().__init__()
        self.name = name
        self.applications = applications
        self.env = env
        self.folder = folder
        self.workers = workers
        self.threads = threads
        self.bin_dir = bin_dir

    def _setUp(self):
        with socket.create_server(('127.0.0.1', 0)) as listener:
            self.url = 'http://127.0.0.1:%d' % listener.getsockname()[1]
            with open(os.path.join(self.folder, 'gunicorn.conf.py'),
                      'w') as conf:
                conf.write(_GUNICORN % (_present(self.applications),
                                        listener.fileno(), self.workers,
                                        self.threads))
            self.process = self.useFixture(processes.Process(
                self.name, [processes.command('gunicorn', self.bin_dir)],
                self.env, self.folder, pass_fds=(listener.fileno(),)))
