# SPDX-License-Identifier: Apache-2.0

"""Heat takes any character in a name; what is told of it is one line."""

import json

import fixtures

from heat.engine.migrate import events as migrate_events
from heat.objects import event as event_object
from heat.objects import raw_template
from heat.objects import resource as resource_object
from heat.objects import stack as stack_object
from heat.tests.migrate import command_case as case
from heat.tests.migrate import fixtures as migrate_fixtures

# Heat's own check of the name of a stack lets only a newline at its end pass.
STACK = 'web\n'
NAME = 'a\n\x1b[2J\u202e'


class NamesTest(case.CommandTestCase):
    """A stack, a resource and a parameter, each with such a name."""

    def setUp(self):
        super().setUp()
        self.notify = self.patchobject(migrate_events.notification, 'notify')
        self.patch('heat.common.messaging.NOTIFIER')
        self.log = self.useFixture(fixtures.FakeLogger(
            format='%(message)s'))

    def stack(self, parameters=None):
        snippet = migrate_fixtures.template_of({NAME: []})
        snippet['parameters'] = {NAME: {'type': 'number', 'default': 1}}
        stack_id = migrate_fixtures.create_legacy(self.ctx, snippet).id
        if parameters:
            self.set_parameters(stack_id, parameters)
        stack_object.Stack.update_by_id(self.ctx, stack_id, {'name': STACK})
        return stack_id

    def set_parameters(self, stack_id, values):
        """Store values that Heat would not have accepted."""
        row = stack_object.Stack.get_by_id(self.ctx, stack_id)
        raw_template.RawTemplate.update_by_id(
            self.ctx, row.raw_template_id,
            {'environment': {'parameters': values}})

    def all_told(self, *words):
        """Run a command on the stack twice; returns what it has told."""
        before = len(self.log.output)
        _status, out, err = self.run_command(*words)
        _status, lines, err_too = self.run_command(*words, '--format', 'json')
        for line in lines.splitlines():
            self.assertEqual(STACK, json.loads(line)['name'])
        messages = [json.loads(line)['message'] or ''
                    for line in lines.splitlines()]
        told = (out.splitlines() + err.splitlines() + err_too.splitlines() +
                lines.splitlines() + messages +
                self.log.output[before:].splitlines())
        told += [text for event in event_object.Event.get_all_by_stack(
            self.ctx, words[-1]) if event.resource_action == 'MIGRATE'
            for text in (event.resource_name, event.resource_status_reason)]
        told += [str(text) for call in self.notify.call_args_list
                 for text in call.args[-1].values()]
        return told

    def assertPrintable(self, told, *names):
        for text in told:
            self.assertTrue(text.isprintable(), repr(text))
        for name in (r'web\n',) + names:
            self.assertTrue(any(name in text for text in told), name)

    def test_a_conversion(self):
        self.assertPrintable(self.all_told('migrate-convergence-1',
                                           self.stack()))

    def test_a_dry_run(self):
        stack_id = self.stack()
        self.assertPrintable(self.all_told('migrate-convergence-1',
                                           '--dry-run', stack_id))

    def test_a_refused_resource(self):
        stack_id = self.stack()
        self.set_name(stack_id, 'b' + NAME)
        self.assertPrintable(
            self.all_told('migrate-convergence-1', stack_id),
            r'a\n\x1b[2J\u202e', 'missing_resources]')

    def test_a_parameter_that_the_template_does_not_allow(self):
        stack_id = self.stack({NAME: 'many'})
        self.assertPrintable(
            self.all_told('migrate-convergence-1', stack_id),
            r'a\n\x1b[2J\u202e', 'invalid_parameters]')

    def test_a_row_that_holds_nothing(self):
        stack_id = self.stack()
        resource_object.Resource.create(self.ctx, {
            'stack_id': stack_id, 'name': 'b' + NAME, 'action': 'CREATE',
            'status': 'COMPLETE'})
        self.assertPrintable(
            self.all_told('migrate-convergence-1', stack_id),
            r'held nothing: ba\n\x1b[2J\u202e')
