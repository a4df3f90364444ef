# SPDX-License-Identifier: Apache-2.0

"""A real Keystone, and a Heat that uses it."""

import grp
from importlib import util
import os
import pwd
import subprocess
import typing
import uuid

import fixtures
from heatclient import client as heatclient
from keystoneauth1.identity import v3
from keystoneauth1 import session
from keystoneclient.v3 import client as keystoneclient
import sqlalchemy

from heat.sandbox import database as sandbox_database
from heat.tests.functional.harness import clients
from heat.tests.functional.harness import configuration
from heat.tests.functional.harness import deployment
from heat.tests.functional.harness import processes
from heat.tests.functional.harness import wsgi_server

_MANAGE_TIMEOUT = 120  # seconds

_REGION = 'RegionOne'


def missing():
    """What is missing to run a Keystone, in one line, or None."""
    if util.find_spec('keystone') is None:
        return ('Keystone is not installed (pip install keystone): tests '
                'with trusts left out')
    return None


class User(typing.NamedTuple):
    """A user who sends requests, with a project as scope."""

    id: str
    name: str
    password: str
    domain: str
    project: str

    def auth(self, auth_url):
        """Return a plug-in of keystoneauth's that logs this user in."""
        return v3.Password(auth_url, user_id=self.id, password=self.password,
                           project_id=self.project)

    def environ(self, auth_url):
        """Return what a user's openrc file sets."""
        return {'OS_AUTH_URL': auth_url, 'OS_IDENTITY_API_VERSION': '3',
                'OS_USERNAME': self.name, 'OS_PASSWORD': self.password,
                'OS_USER_DOMAIN_ID': self.domain,
                'OS_PROJECT_ID': self.project, 'OS_REGION_NAME': _REGION}


def _password():
    return uuid.uuid4().hex


class Keystone(fixtures.Fixture):
    """Start a Keystone on a database of its own, set up for Heat.

    The domain of the stack users, its administrator, Heat's role and Heat's
    service user are those of Heat's installation guide.

    :ivar url: the URL of the v3 API.
    :ivar admin: a keystoneclient with the role ``admin``.
    :ivar stack_domain: the domain ``heat``.
    """

    def _setUp(self):
        self.folder = self.useFixture(fixtures.TempDir()).path
        self.database = os.path.join(self.folder, 'keystone.sqlite')
        self._write_conf()
        self._manage('db_sync')
        self._log_ahead()
        # Keystone leaves the keys to root only with this option.
        owner = ('--keystone-user', pwd.getpwuid(os.getuid()).pw_name,
                 '--keystone-group', grp.getgrgid(os.getgid()).gr_name)
        self._manage('fernet_setup', *owner)
        self._manage('credential_setup', *owner)
        # Keystone confuses the data of requests in threads.
        self.url = self.useFixture(wsgi_server.WSGIServer(
            'keystone', wsgi_server.KEYSTONE,
            processes.environment(stock=True, HOME=self.folder,
                                  OS_KEYSTONE_CONFIG_DIR=self.folder),
            self.folder, workers=2)).url + '/v3'
        password = _password()
        self._manage('bootstrap', '--bootstrap-password', password,
                     '--bootstrap-public-url', self.url,
                     '--bootstrap-internal-url', self.url,
                     '--bootstrap-region-id', _REGION)
        self._log_in(password)
        self._set_up_heat()

    def _write_conf(self):
        def folder(name):
            return os.path.join(self.folder, name)
        configuration.write(folder('keystone.conf'), {
            'database': {
                'connection': 'sqlite:///' + self.database,
                'sqlite_synchronous': False},
            'fernet_tokens': {'key_repository': folder('tokens')},
            'fernet_receipts': {'key_repository': folder('receipts')},
            'credential': {'key_repository': folder('credentials')},
            # Weak hashes are enough for the passwords of a test.
            'identity': {'password_hash_rounds': 4}})

    def _log_ahead(self):
        # Keystone keeps read transactions open: without this, the other worker
        # would wait for them until its timeout.
        engine = sqlalchemy.create_engine('sqlite:///' + self.database)
        sandbox_database.log_ahead(engine)
        engine.dispose()

    def _manage(self, command, *arguments):
        result = subprocess.run(
            (processes.command('keystone-manage'), '--config-file',
             os.path.join(self.folder, 'keystone.conf'), command) + arguments,
            env=processes.environment(stock=True), cwd=self.folder,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=_MANAGE_TIMEOUT)
        if result.returncode:
            raise clients.CommandFailed(result)

    def _log_in(self, password):
        self.admin = keystoneclient.Client(
            session=session.Session(v3.Password(
                self.url, username='admin', password=password,
                user_domain_id='default', project_name='admin',
                project_domain_id='default')),
            region_name=_REGION)
        self._roles = {role.name: role for role in self.admin.roles.list()}

    def _set_up_heat(self):
        self._roles['heat_stack_user'] = self.admin.roles.create(
            'heat_stack_user')
        self.stack_domain = self.admin.domains.create('heat')
        self._stack_domain_admin = self.add_user(
            'stack_domain_admin', domain=self.stack_domain.id)
        self.admin.roles.grant(self._roles['admin'],
                               user=self._stack_domain_admin.id,
                               domain=self.stack_domain.id)
        self._heat = self.add_user('heat', self.add_project('service'),
                                   'admin')

    def add_project(self, name):
        """Add a project; returns its id."""
        return self.admin.projects.create(name, domain='default').id

    def add_user(self, name, project=None, role=None, domain='default'):
        """Add a user, with one role in one project.

        :param project: the id of the project; without one there is no role.
        :returns: the :class:`User`.
        """
        password = _password()
        user = self.admin.users.create(name, domain=domain,
                                       password=password)
        if project is not None:
            self.admin.roles.grant(self._roles[role], user=user.id,
                                   project=project)
        return User(user.id, name, password, domain, project)

    def add_endpoint(self, name, kind, url):
        """Add a service with a public endpoint to the catalog."""
        service = self.admin.services.create(name, type=kind)
        self.admin.endpoints.create(service, url, interface='public',
                                    region=_REGION)

    def client_of(self, user):
        """Return a keystoneclient of a user's."""
        return keystoneclient.Client(session=self.session_of(user),
                                     region_name=_REGION)

    def session_of(self, user):
        """Return a session of keystoneauth's in which a user is logged in."""
        return session.Session(user.auth(self.url))

    def heat_conf(self):
        """Return Heat's options to use this Keystone, as in the guide."""
        service = {'auth_type': 'password', 'auth_url': self.url,
                   'username': self._heat.name,
                   'password': self._heat.password,
                   'user_domain_id': self._heat.domain}
        return {
            'keystone_backend': 'heat.engine.clients.os.keystone.'
                                'heat_keystoneclient.KsClientWrapper',
            'deferred_auth_method': 'trusts',
            'region_name_for_services': _REGION,
            'stack_user_domain_id': self.stack_domain.id,
            'stack_domain_admin': self._stack_domain_admin.name,
            'stack_domain_admin_password': self._stack_domain_admin.password,
            'clients_keystone': {'auth_uri': self.url},
            'keystone_authtoken': dict(
                service, project_id=self._heat.project,
                www_authenticate_uri=self.url),
            'trustee': service,
            # The default pipeline is the one with Keystone.
            'paste_deploy': {'flavor': ''}}


class KeystoneDeployment(deployment.Deployment):
    """A deployment whose users log in at a real Keystone.

    Heat runs with its own policies. ``client`` and ``openstack`` are those
    of the member.

    :ivar keystone: the :class:`Keystone`.
    :ivar member: an ordinary user, with the role ``member`` in a project.
    """

    def _start_identity(self):
        self.keystone = self.useFixture(Keystone())
        self.member = self.keystone.add_user(
            'member', self.keystone.add_project('demo'), 'member')
        self._operator = self.keystone.add_user(
            'operator', self.keystone.add_project('operations'), 'admin')
        policy_file = os.path.join(self.folder, 'no-policy.yaml')
        with open(policy_file, 'w') as target:
            target.write('{}')
        return dict(self.keystone.heat_conf(),
                    oslo_policy={'policy_file': policy_file})

    def _start_api(self):
        super()._start_api()
        self.keystone.add_endpoint('heat', 'orchestration',
                                   self.url + '/v1/%(tenant_id)s')

    def client_of(self, user=None):
        """Return a heatclient of a user's, by default the member's."""
        return heatclient.Client(
            '1', session=self.keystone.session_of(user or self.member),
            region_name=_REGION)

    def services_up(self):
        return {service.host for service in
                self.client_of(self._operator).services.list()
                if service.status == 'up'}

    def run_openstack(self, *arguments, user=None):
        """Run the ``openstack`` command as a user, by default the member."""
        return self.run('openstack', *arguments, **(
            user or self.member).environ(self.keystone.url))
