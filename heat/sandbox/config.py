# SPDX-License-Identifier: Apache-2.0

"""The files that a sandbox keeps in its data directory.

Every start writes ``heat.conf`` and the other files from its options.
``heat-manage --config-file DATA/heat.conf`` uses the same database, also while
the sandbox runs.
"""

import dataclasses
import json
import os

import sqlalchemy.engine
import yaml

from heat.common import exception
from heat import policies

PROJECT = 'admin'
"""The project that Heat's noauth filter gives to a request by default."""

_LOCK_TIMEOUT = 60

_HEADER = ('# Written by heat-sandbox at every start; what you change here '
           'lasts until then.\n')

_HEAT_CONF = """
[DEFAULT]
host = sandbox
transport_url = fake://
log_file = %(log)s
debug = %(debug)s
convergence_engine = %(convergence)s
migrate_on_update = %(migrate_on_update)s
keystone_backend = heat.engine.clients.os.keystone.fake_keystoneclient.\
FakeKeystoneClient
# Trusts need a Keystone; the fake client has none to give.
deferred_auth_method = password

[database]
connection = %(connection)s
# The same file once more: oslo.db then keeps an engine of its own for
# transactions that only read, so that these never wait for a writer.
slave_connection = %(connection)s
synchronous_reader = false
# The operating system still writes everything when the process is killed.
sqlite_synchronous = false

[noauth]
token_response = %(token)s

[oslo_policy]
policy_file = %(policy)s

[paste_deploy]
api_paste_config = %(paste)s
"""

_API_PASTE = """
[pipeline:heat-api]
pipeline = request_id faultwrap noauth context versionnegotiation apiv1app

[filter:request_id]
paste.filter_factory = oslo_middleware.request_id:RequestId.factory

[filter:faultwrap]
paste.filter_factory = heat.common.wsgi:filter_factory
heat.filter_factory = heat.api.openstack:faultwrap_filter

[filter:noauth]
paste.filter_factory = heat.common.noauth:filter_factory

[filter:context]
paste.filter_factory = heat.common.context:ContextMiddleware_filter_factory

[filter:versionnegotiation]
paste.filter_factory = heat.common.wsgi:filter_factory
heat.filter_factory = heat.api.openstack:version_negotiation_filter

[app:apiv1app]
paste.app_factory = heat.common.wsgi:app_factory
heat.app_factory = heat.api.openstack.v1:API
"""


class UnusableDataDirectory(exception.HeatException):
    msg_fmt = ('The data directory %(path)s cannot be used: %(reason)s. '
               'Choose another one with --data-dir.')


@dataclasses.dataclass(frozen=True)
class DataDirectory:
    """Where a sandbox keeps its database, configuration and log."""

    path: str

    @property
    def config(self):
        return os.path.join(self.path, 'heat.conf')

    @property
    def log(self):
        return os.path.join(self.path, 'heat.log')

    @property
    def policy(self):
        return os.path.join(self.path, 'policy.yaml')

    @property
    def paste(self):
        return os.path.join(self.path, 'api-paste.ini')

    @property
    def token(self):
        return os.path.join(self.path, 'token.json')

    @property
    def database(self):
        return os.path.join(self.path, 'heat.sqlite')

    @property
    def database_url(self):
        """The SQLAlchemy URL of the database.

        A statement waits for the timeout (in seconds) while another thread or
        process writes. SQLite's default is 5.
        """
        return sqlalchemy.engine.URL.create(
            'sqlite', database=self.database,
            query={'timeout': str(_LOCK_TIMEOUT)}).render_as_string()

    def create(self):
        """Make the directory, readable by its owner only.

        :raises UnusableDataDirectory: when it cannot be written, or its name
            cannot be part of a database URL.
        """
        url = sqlalchemy.engine.make_url(self.database_url)
        if url.database != self.database:
            raise UnusableDataDirectory(
                path=self.path,
                reason="this SQLAlchemy ends the path of a database at '?'")
        try:
            os.makedirs(self.path, mode=0o700, exist_ok=True)
        except OSError as error:
            raise UnusableDataDirectory(path=self.path,
                                        reason=error.strerror)
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise UnusableDataDirectory(path=self.path,
                                        reason='it is not writable')


def write(data, convergence, migrate_on_update, debug=False):
    """Write the configuration files of one start.

    :param data: the DataDirectory, which exists.
    :param convergence: whether new stacks are convergence stacks.
    :param migrate_on_update: whether an update converts a legacy stack.
    """
    settings = {
        'log': data.log, 'debug': debug, 'convergence': convergence,
        'migrate_on_update': migrate_on_update,
        'connection': data.database_url,
        'policy': data.policy, 'paste': data.paste,
        'token': data.token,
    }
    # oslo.config substitutes $name in every value.
    values = {name: str(value).replace('$', '$$')
              for name, value in settings.items()}
    _write(data.config, _HEAT_CONF % values)
    _write(data.paste, _API_PASTE)
    _write(data.policy, yaml.safe_dump(_policy()))


def write_token(data, endpoint):
    """Write the token that the noauth filter adds to every request.

    Its service catalog has this sandbox. Resource types such as
    OS::Heat::Stack find it there.
    """
    identity = {'id': PROJECT, 'name': PROJECT,
                'domain': {'id': 'default', 'name': 'Default'}}
    catalog = [
        {'id': name, 'name': name, 'type': name,
         'endpoints': [{'id': name, 'interface': 'public', 'url': endpoint,
                        'region': 'sandbox', 'region_id': 'sandbox'}]}
        for name in ('orchestration', 'cloudformation')]
    token = {'methods': ['password'], 'user': identity, 'project': identity,
             'roles': [{'id': 'admin', 'name': 'admin'}],
             'issued_at': '2000-01-01T00:00:00.000000Z',
             'expires_at': '9999-01-01T00:00:00.000000Z',
             'catalog': catalog}
    with open(data.token, 'w') as output:
        json.dump({'token': token}, output, indent=1)


def _write(path, text):
    with open(path, 'w') as output:
        output.write(_HEADER + text)


def _policy():
    """Heat's default policy for a user whose only role is ``admin``.

    The noauth filter gives no other role, and Heat's defaults require
    ``member`` or ``reader``. The user is limited to their own project, like an
    ordinary user of a cloud.
    """
    rules = {'context_is_admin': '!'}
    for rule in policies.list_rules():
        check = rule.check_str.replace('role:member', 'role:admin')
        check = check.replace('role:reader', 'role:admin')
        if check != rule.check_str:
            rules[rule.name] = check
    return rules
