# SPDX-License-Identifier: Apache-2.0

"""Remedies that need the API, its policy, or engines with other options."""

import json
import os

from heatclient import exc
import yaml

from heat.common.migrate import exception as migrate_exception
from heat.db import models
from heat.tests.functional.commands import command
from heat.tests.functional.harness import case
from heat.tests.functional.harness import databases

_INNER = """
heat_template_version: 2018-08-31
parameters:
  fail: {type: boolean, default: false}
resources:
  thing:
    type: OS::Heat::TestResource
    properties: {fail: {get_param: fail}}
"""

_OUTER = """
heat_template_version: 2018-08-31
resources:
  first: {type: OS::Heat::TestResource}
"""

_RETAINING = _OUTER + """\
  part: {type: inner.yaml, deletion_policy: Retain}
"""

_NESTING = {'template': _RETAINING, 'files': {'inner.yaml': _INNER}}

_MIGRATE = 'migrate-convergence-1'


class RemediesTest(case.DeploymentTestCase):

    backend = databases.MYSQL
    engines = 1
    legacy_stacks = {'gone': case.template('gone_type.yaml'),
                     'abandoned': _NESTING, 'retaining': _NESTING}
    legacy_conf = {'plugin_dirs': case.plugins('gone'),
                   'enable_stack_abandon': True, 'enable_stack_adopt': True}
    conf = {'convergence_engine': True, 'migrate_protection': True,
            'plugin_dirs': '', 'enable_stack_abandon': False}

    @classmethod
    def _create_stacks(cls):
        super()._create_stacks()
        stacks = cls.heat.client.stacks
        # Without its plug-in Heat does not show it.
        cls.gone = stacks.get('gone').id
        root = stacks.get('abandoned').id
        cls.left, = [row['id'] for row in cls.heat.database.rows(
            models.Stack, owner_id=root)]
        stacks.create(stack_name='adopted', files=_NESTING['files'],
                      adopt_stack_data=json.dumps(stacks.abandon(root)))
        cls.heat.wait_for('adopted', 'ADOPT_COMPLETE')

    def manage(self, *arguments, status=0):
        done = self.heat.heat_manage(*arguments)
        printed = done.stdout + done.stderr
        self.assertEqual(status, done.returncode, printed)
        self.assertNotIn('Traceback', printed)
        # A table breaks lines.
        return ' '.join(printed.split())

    def refused(self, stack_id, reason, *arguments):
        """Check that a command refuses a stack; returns the reason."""
        done = self.heat.heat_manage(_MIGRATE, '--format', 'json', *arguments,
                                     stack_id)
        outcome = command.outcomes(done.stdout)[stack_id]
        self.assertEqual(reason.code, outcome['code'], outcome)
        return outcome['message']

    def assertConverts(self, stack_id, *arguments):
        self.manage(_MIGRATE, *arguments, stack_id)
        self.assertTrue(self.is_convergence(stack_id))

    def is_convergence(self, stack_id):
        row, = self.heat.database.rows(models.Stack, id=stack_id)
        return row['convergence']

    def test_unknown_resource_type(self):
        # However often, and by whomever it is found.
        for arguments in ([], ['--via-engines'], []):
            self.assertIn('Example::Gone', self.refused(
                self.gone, migrate_exception.UnknownResourceType, *arguments))
        self.assertEqual(['FAILED'], self.migration_events(self.gone))

        self.heat.restart_engines(plugin_dirs=case.plugins('gone'))

        self.assertConverts(self.gone, '--via-engines')
        self.update('gone', '--existing')

    def test_adopted(self):
        self.assertIn('enable_stack_abandon = true', self.refused(
            self.left, migrate_exception.Adopted))
        self.assertIn(self.left, self.manage('convergence-status'))
        abandon = self.heat.client.stacks.abandon
        self.assertRaises(exc.HTTPException, abandon, self.left)

        self.heat.restart_engines(enable_stack_abandon=True)
        self.set_policy('!')
        self.assertRaises(exc.HTTPForbidden, abandon, self.left)
        self.set_policy('')
        things = self.things()
        abandon(self.left)

        self.assertNotIn(self.left, self.manage('convergence-status'))
        self.assertEqual(things, self.things())
        self.assertConverts(self.stack_id('adopted'))

    def set_policy(self, rule):
        path = os.path.join(os.path.dirname(self.heat.config_file),
                            'policy.yaml')
        with open(path) as source:
            rules = yaml.safe_load(source)
        with open(path, 'w') as target:
            json.dump(dict(rules, **{'stacks:abandon': rule}), target)

    def things(self):
        """Physical ids of the resources of the adopted stack and below it."""
        return self.tree(self.stack_id('adopted')).physical_ids()

    def test_unreferenced_nested(self):
        root = self.stack_id('retaining')
        left, = [row['id'] for row in self.heat.database.rows(
            models.Stack, owner_id=root)]
        stacks = self.heat.client.stacks
        stacks.update(left, template=_INNER, parameters={'fail': True})
        self.heat.wait_for(left, 'UPDATE_FAILED')
        # The retained stack stays, and nothing names it any more.
        stacks.update(root, template=_OUTER)
        self.heat.wait_for(root, 'UPDATE_COMPLETE')

        self.assertIn('--ignore-unreferenced', self.refused(
            root, migrate_exception.UnreferencedNested))

        self.assertIn('is left out and stays as it is', self.manage(
            _MIGRATE, '--ignore-unreferenced', '--dry-run', root))
        self.assertConverts(root, '--ignore-unreferenced')
        self.assertFalse(self.is_convergence(left))
        self.assertIn(left, self.manage('convergence-status'))
        self.manage(_MIGRATE, '--verify', root)

        stacks.delete(left)
        self.heat.wait_for(left, 'DELETE_COMPLETE')
        self.assertNotIn(left, self.manage('convergence-status'))
