# SPDX-License-Identifier: Apache-2.0

import argparse
import configparser
import io
import os
import socket
import stat
from unittest import mock

import fixtures
from oslo_policy import policy as oslo_policy
import sqlalchemy
import yaml

from heat import policies
from heat.sandbox import api
from heat.sandbox import config
from heat.sandbox import main as sandbox_main
from heat.tests import common


class LoopbackTest(common.HeatTestCase):

    def test_addresses(self):
        for host in ('127.0.0.1', '127.1.2.3', '::1', 'localhost'):
            self.assertTrue(api.is_loopback(host), host)
        for host in ('0.0.0.0', '::', '192.0.2.1', '2001:db8::1'):
            self.assertFalse(api.is_loopback(host), host)

    def test_name_with_one_address_that_is_not_loopback(self):
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, '', (address, 0))
                 for address in ('127.0.0.1', '192.0.2.1')]
        with mock.patch.object(socket, 'getaddrinfo', return_value=found):
            self.assertFalse(api.is_loopback('mixed.example.com'))


class MainTest(common.HeatTestCase):

    def error(self, *arguments):
        """Run heat-sandbox, which fails; returns its status and error."""
        err = io.StringIO()
        with fixtures.MonkeyPatch('sys.stderr', err):
            ended = self.assertRaises(SystemExit, sandbox_main.main,
                                      ['--data-dir', self.folder, *arguments])
        return ended.code, err.getvalue()

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path

    def test_port_that_is_in_use(self):
        self.patchobject(sandbox_main, '_configure')
        self.patchobject(sandbox_main, '_catch_signals')
        with socket.create_server(('127.0.0.1', 0)) as server:
            port = server.getsockname()[1]
            status, text = self.error('--port', str(port))
        self.assertEqual((1, 'heat-sandbox: cannot listen on 127.0.0.1 port '
                          '%d: Address already in use\n' % port),
                         (status, text))

    def test_file_that_cannot_be_opened_is_named(self):
        for name in ('lock', 'heat.conf'):
            path = os.path.join(self.folder, name)
            os.mkdir(path)
            status, text = self.error()
            self.assertEqual(1, status)
            self.assertIn('heat-sandbox: ', text)
            self.assertIn(name + "'", text)
            self.assertNotIn('listen', text)
            os.rmdir(path)


class OptionsTest(common.HeatTestCase):

    def parse(self, *arguments):
        parser = sandbox_main.build_parser()
        args = parser.parse_args(arguments)
        sandbox_main._check_host(parser, args)
        return args

    def test_default_is_a_free_port_of_loopback(self):
        args = self.parse()

        self.assertEqual(('127.0.0.1', 0), (args.host, args.port))

    def test_other_address_needs_consent(self):
        self.useFixture(fixtures.MonkeyPatch('sys.stderr', io.StringIO()))
        refused = self.assertRaises(SystemExit, self.parse,
                                    '--host', '192.0.2.1')
        self.assertEqual(2, refused.code)

        args = self.parse('--host', '192.0.2.1',
                          '--i-know-there-is-no-authentication')
        self.assertEqual('192.0.2.1', args.host)

    def test_port_out_of_range(self):
        self.assertRaises(argparse.ArgumentTypeError,
                          sandbox_main._port, '65536')
        self.assertRaises(argparse.ArgumentTypeError, sandbox_main._port, '-1')
        self.assertEqual(65535, sandbox_main._port('65535'))


class FilesTest(common.HeatTestCase):

    def create(self, name='data', **options):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, name)
        data = config.DataDirectory(path)
        data.create()
        config.write(data, **dict({'convergence': True,
                                   'migrate_on_update': False}, **options))
        return data

    def heat_conf(self, data):
        parser = configparser.RawConfigParser()
        parser.read(data.config)
        return parser

    def test_only_the_owner_can_read_the_data(self):
        mode = os.stat(self.create().path).st_mode

        self.assertEqual(0, mode & (stat.S_IRWXG | stat.S_IRWXO))

    def test_options_of_the_start_are_in_heat_conf(self):
        for value in (True, False):
            parser = self.heat_conf(self.create(convergence=value,
                                                migrate_on_update=not value))

            self.assertEqual(value, parser.getboolean('DEFAULT',
                                                      'convergence_engine'))
            self.assertEqual(not value, parser.getboolean(
                'DEFAULT', 'migrate_on_update'))

    def test_database_url_leads_to_the_data(self):
        data = self.create(name='a %odd #name')

        url = sqlalchemy.engine.make_url(
            self.heat_conf(data).get('database', 'connection'))
        self.assertEqual(os.path.join(data.path, 'heat.sqlite'),
                         url.database)

    def test_question_mark_in_the_path_is_refused_or_leads_to_the_data(self):
        # SQLAlchemy before 2.1 ends the path there.
        try:
            data = self.create(name='odd?')
        except config.UnusableDataDirectory as error:
            self.assertIn("'?'", str(error))
        else:
            self.assertIn('odd', sqlalchemy.engine.make_url(
                data.database_url).database)

    def test_dollar_in_the_path_is_not_substituted(self):
        data = self.create(name='$home')

        self.assertIn('$$home', self.heat_conf(data).get('DEFAULT',
                                                         'log_file'))


class PolicyTest(common.HeatTestCase):
    """The only role that Heat's noauth filter gives is ``admin``."""

    def setUp(self):
        super().setUp()
        path = self.useFixture(fixtures.TempDir()).path
        data = config.DataDirectory(path)
        config.write(data, convergence=True, migrate_on_update=False)
        with open(data.policy) as source:
            rules = yaml.safe_load(source)
        self.rules = oslo_policy.Rules.from_dict({
            rule.name: rules.get(rule.name, rule.check_str)
            for rule in policies.list_rules()})

    def allows(self, action, project):
        credentials = {'roles': ['admin'], 'project_id': project,
                       'is_admin_project': True}
        enforcer = mock.Mock(rules=self.rules)
        return bool(self.rules[action]({'project_id': 'admin'}, credentials,
                                       enforcer))

    def test_user_is_a_member_of_one_project(self):
        for action, project, allowed in (
                *[(action, 'admin', True) for action in (
                    'stacks:create', 'stacks:update', 'stacks:show',
                    'actions:suspend', 'resource:signal')],
                ('stacks:create', 'other', False),
                # No admin of the cloud.
                ('context_is_admin', 'admin', False),
                ('stacks:global_index', 'admin', False)):
            self.assertEqual(allowed, self.allows(action, project), action)
