# SPDX-License-Identifier: Apache-2.0

"""Convert stacks of an ordinary project member, with a real Keystone.

Heat has its own policies, trusts and stack users. Only the operator has more
than the role ``member`` or ``reader`` in a project.
"""

import json

from keystoneauth1.identity import v3
from keystoneauth1 import session

from heat.common import crypt
from heat.db import models
from heat.tests.functional.harness import case
from heat.tests.functional.harness import configuration
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import keystone_fixture
from heat.tests.functional.harness import processes
from heat.tests import releases

PLUGINS = case.plugins('caller')

STACK = case.template('member.yaml')
CALLER = case.template('caller.yaml')
SMALL = case.template('small.yaml')

#: The default of hidden parameters of the templates.
SECRET = 'swordfish-of-the-member'
NEW_VALUE = 'changed-by-the-member'

#: Every token begins with this: the version and the time of a Fernet token.
TOKEN = 'gAAAAA'


class KeystoneTest(case.DeploymentTestCase):

    deployment_class = keystone_fixture.KeystoneDeployment
    backend = databases.MYSQL
    legacy_conf = {'plugin_dirs': PLUGINS}
    legacy_stacks = {'forced': STACK, 'own': STACK, 'foreign': CALLER,
                     'needed': CALLER, 'renewed': CALLER, 'unused': SMALL}

    @classmethod
    def find_missing(cls):
        return keystone_fixture.missing() or super().find_missing()

    @classmethod
    def _create_stacks(cls):
        cls.leaver = cls.add_user('leaver', cls.heat.member.project)
        cls.heat.client_of(cls.leaver).stacks.create(stack_name='left',
                                                     **CALLER)
        super()._create_stacks()
        cls.heat.wait_for('left', 'CREATE_COMPLETE')

    @classmethod
    def add_user(cls, name, project, role='member'):
        return cls.heat.keystone.add_user(name, project, role)

    # Contents of Keystone

    def trusts(self):
        """Ids of the trusts that the member has given to Heat."""
        member = self.heat.member
        return {trust.id for trust in self.heat.keystone.client_of(
            member).trusts.list(trustor_user=member.id)}

    def stack_projects(self):
        """Ids of the projects in which Heat keeps users of stacks."""
        keystone = self.heat.keystone
        return {project.id for project in keystone.admin.projects.list(
            domain=keystone.stack_domain)}

    def trust_of(self, stack_id):
        """Decrypt the id of the trust that Heat has stored for a stack."""
        stack, = self.heat.database.rows(models.Stack, id=stack_id)
        stored, = self.heat.database.rows(models.UserCreds,
                                          id=stack['user_creds_id'])
        return crypt.decrypt(stored['decrypt_method'], stored['trust_id'],
                             configuration.DEFAULTS['auth_encryption_key'])

    def delete_trust(self, stack_id):
        self.heat.keystone.client_of(self.heat.member).trusts.delete(
            self.trust_of(stack_id))

    # Steps of operators and members

    def convert(self, stack_id):
        """Run the operator's command.

        :returns: what it prints as JSON, and its exit status.
        """
        result = self.heat.heat_manage('migrate-convergence-1',
                                       '--format', 'json', stack_id)
        printed = result.stdout + result.stderr
        self.assertNotIn('Traceback', printed)
        self.assert_discreet(stack_id, printed)
        outcome, = result.stdout.splitlines()
        return json.loads(outcome), result.returncode

    def update_and_signal(self, name):
        """Update a stack with a wait condition, which a stack user signals.

        The credentials of the stack user are older than the conversion, as
        those in a server would be.
        """
        stack = self.heat.client.stacks.get(name)
        signal = json.loads(self.outputs(stack)['signal'])
        self.heat.openstack('stack', 'update', '--existing', '--parameter',
                            'wait=true', '--parameter',
                            'value=' + NEW_VALUE, name)
        processes.wait_until(
            lambda: self.heat.database.rows(
                models.Resource, stack_id=stack.id, name='signalled',
                action='CREATE', status='IN_PROGRESS'), 'wait condition')
        session.Session(v3.Password(
            signal['auth_url'], user_id=signal['user_id'],
            password=signal['password'],
            project_id=signal['project_id'])).post(
                signal['alarm_url'], json={'status': 'SUCCESS'})
        return self.heat.wait_for(name, 'UPDATE_COMPLETE')

    def grow(self, name):
        """Signal a scaling policy, as an alarm does."""
        size = self.members(name)
        self.heat.client.resources.signal(name, 'grow')
        processes.wait_until(lambda: self.members(name) == size + 1,
                             'new member of the group')

    def members(self, name):
        return sum(resource.resource_type == 'OS::Heat::RandomString' and
                   resource.resource_status.endswith('_COMPLETE')
                   for resource in self.heat.client.resources.list(
                       name, nested_depth=1))

    def request_update(self, user, project):
        """Send an update of the stack "foreign" as if it were in a project.

        With the id in the URL, the API looks nothing up before the update.

        :returns: the HTTP status of the answer.
        """
        return self.heat.keystone.session_of(user).patch(
            '%s/v1/%s/stacks/foreign/%s' % (
                self.heat.url, project, self.stack_id('foreign')),
            json={'parameters': {'secret': NEW_VALUE}},
            raise_exc=False).status_code

    # Assertions

    def assert_converted(self, before):
        """Assert that a tree is unchanged, except for its conversion."""
        stack_id = before.stacks[0]['id']
        after = self.tree(stack_id)
        self.assertEqual({True}, after.convergence())
        self.assertEqual(before.physical_ids(), after.physical_ids())
        self.assertEqual(['COMPLETE'], self.migration_events(stack_id))

    def assert_discreet(self, stack_id, text):
        """Assert that a text holds no secret of the owner."""
        for secret in (TOKEN, self.trust_of(stack_id), SECRET, NEW_VALUE):
            self.assertNotIn(secret, text)

    def assert_logs_and_events_discreet(self, stack_id):
        logs = ''.join(process.log(self.marks[process])
                       for process in self._processes())
        events = self.heat.database.rows(models.Event, stack_id=stack_id)
        self.assertIn('Stack UPDATE completed successfully', logs)
        self.assert_discreet(stack_id, logs + ''.join(
            '%(resource_name)s %(_resource_status_reason)s' % event
            for event in events))

    def assert_refused(self, name):
        """Assert that the lost credentials of a stack keep it legacy."""
        stack_id = self.stack_id(name)
        before = self.tree(stack_id)

        outcome, status = self.convert(stack_id)

        self.assertEqual(2, status)
        self.assertEqual(('refused', 'credentials'),
                         (outcome['outcome'], outcome['code']))
        self.assertIn('Authorization failed', outcome['message'])
        self.assertNotIn('\n', outcome['message'])
        self.assertEqual({False}, before.convergence())
        self.assertEqual(before, self.tree(stack_id))
        self.assertEqual(['FAILED'], self.migration_events(stack_id))

    def assert_lives_on(self, name, stack_id):
        """Scale and delete a converted stack; nothing is left of it."""
        trust = self.trust_of(stack_id)
        project = self.tree(stack_id).stacks[0]['stack_user_project_id']
        self.assertIn(trust, self.trusts())
        self.assertIn(project, self.stack_projects())

        self.grow(name)

        self.assertEqual({True}, self.tree(stack_id).convergence())
        self.assert_logs_and_events_discreet(stack_id)

        self.heat.client.stacks.delete(name)

        self.heat.wait_for(stack_id, 'DELETE_COMPLETE')
        # Heat deletes them after it has stored the status.
        processes.wait_until(lambda: trust not in self.trusts(),
                             'end of the trust')
        processes.wait_until(lambda: project not in self.stack_projects(),
                             'end of the project of the stack users')

    # Tests

    def test_stack_that_the_operator_converts_stays_the_members(self):
        stack_id = self.stack_id('forced')
        before = self.tree(stack_id)
        trust = self.trust_of(stack_id)

        outcome, status = self.convert(stack_id)

        self.assertEqual((0, 'converted'), (status, outcome['outcome']))
        self.assert_converted(before)
        self.assertEqual(trust, self.trust_of(stack_id))
        stack = self.update_and_signal('forced')
        self.assertEqual(NEW_VALUE, self.outputs(stack)['value'])
        self.assert_lives_on('forced', stack_id)

    def test_members_own_update_converts(self):
        stack_id = self.stack_id('own')
        trust = self.trust_of(stack_id)
        self.assertEqual({False}, self.tree(stack_id).convergence())

        stack = self.update_and_signal('own')

        self.assertEqual(NEW_VALUE, self.outputs(stack)['value'])
        self.assertEqual({True}, self.tree(stack_id).convergence())
        self.assertEqual(['COMPLETE'], self.migration_events(stack_id))
        self.assertEqual(trust, self.trust_of(stack_id))
        self.assert_lives_on('own', stack_id)

    def test_only_members_of_its_project_convert_a_stack(self):
        keystone = self.heat.keystone
        stranger = self.add_user('stranger', keystone.add_project('elsewhere'))
        home = self.heat.member.project
        reader = self.add_user('reader', home, 'reader')
        stack_id = self.stack_id('foreign')
        before = self.tree(stack_id)

        result = self.heat.run_openstack('stack', 'update', '--existing',
                                         stack_id, user=stranger)

        self.assertEqual(1, result.returncode)
        self.assertIn('could not be found', result.stderr)
        for status, user, project in ((404, stranger, stranger.project),
                                      (403, stranger, home),
                                      (403, reader, home)):
            self.assertEqual(status, self.request_update(user, project))
        self.assertEqual({False}, before.convergence())
        self.assertEqual(before, self.tree(stack_id))
        self.assertEqual([], self.migration_events(stack_id))

    def test_lost_trust_does_not_matter_where_it_is_not_needed(self):
        before = self.tree(self.stack_id('unused'))
        stack_id = before.stacks[0]['id']
        self.delete_trust(stack_id)

        outcome, status = self.convert(stack_id)

        self.assertEqual((0, 'converted'), (status, outcome['outcome']))
        self.assert_converted(before)

    def test_lost_trust_that_is_needed_keeps_a_stack_legacy(self):
        stack_id = self.stack_id('needed')
        self.delete_trust(stack_id)

        self.assert_refused('needed')

    @releases.renewing
    def test_lost_trust_does_not_matter_to_the_members_own_update(self):
        stack_id = self.stack_id('renewed')
        self.delete_trust(stack_id)
        self.assert_refused('renewed')

        self.heat.client.stacks.update('renewed', existing=True)

        self.heat.wait_for('renewed', 'UPDATE_COMPLETE')
        self.assertEqual({True}, self.tree(stack_id).convergence())
        self.assertEqual(['FAILED', 'COMPLETE'],
                         self.migration_events(stack_id))

    def test_removed_user_keeps_a_stack_legacy(self):
        self.heat.keystone.admin.users.delete(self.leaver.id)
        self.assert_refused('left')
